//! Mistakes that an implementation could make. The model makes one on demand, and the checker has
//! to find what it leads to.

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutation {
    // The hub.
    /// The fates of submissions are kept in memory alone, and a restart loses them (V-507).
    ForgetsFates,
    /// An entry is queued for other agencies after the transition in which it was taken.
    QueuesAfterwards,
    /// The epoch of a submission is not compared with the room's (V-512).
    TakesPassedEpochs,
    /// A Welcome goes out when its commit comes, and not when it is taken (V-463).
    WelcomesLosers,

    // A follower.
    /// It says that a device may not read a room before it looks whether it has passed on the
    /// submission already (V-516).
    DeniesFirst,

    // Whoever reads a log.
    /// `previous` is not compared (V-503).
    SkipsChain,

    // A device.
    /// The pending commit is merged on the own server's answer (V-461).
    MergesOnAnswer,
    /// The loser of a race forgets what its commit was for (V-462).
    LosesIntent,
    /// On silence it makes the submission anew instead of repeating it (V-464).
    AnewOnSilence,
    /// It believes of its own server, without a signature, that an epoch has passed (V-464).
    BelievesUnsigned,
    /// It waits for the place that a refusal names, and does not go on from there (V-465).
    ForgetsToGoOn,
    /// It encrypts again without asking, whoever has joined since (V-468).
    AsksNobody,
    /// A submission leaves before it is stored.
    SendsBeforeStored,

    // A link.
    /// Numbers alone are compared (V-535, V-538).
    SkipsHashes,
    /// Any frame with a higher number is taken as the next one (V-537).
    SkipsNumbers,
    /// A first frame of another life is taken, whenever it was made (V-534).
    TakesEarlierLives,
    /// An acknowledgement of less than before is passed over in silence (V-575).
    IgnoresLowAcks,
}
