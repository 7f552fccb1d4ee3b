//! How much is written in a room of a thousand members whose credentials have 600 bytes.

use std::time::Instant;

use openmls::group::ProposalStore;

use super::*;

const MEMBERS: usize = 1000;
/// Members who have written in the epoch.
const WARM: usize = 16;
/// What a message may cost besides its payload.
const MESSAGE: usize = 1 << 10;
/// What a commit may cost.
const COMMIT: usize = 16 << 10;

struct Hub {
    store: MemoryStore,
    cached: Option<(PublicGroup, Known)>,
    written: usize,
}

impl Hub {
    fn call(&mut self, work: impl FnOnce(&MlsCrypto, &MlsStore<'_>, &mut Option<PublicGroup>)) {
        let (group, known) = self.cached.take().map_or_else(Default::default, |(g, k)| (Some(g), k));
        let storage = MlsStore::room(&self.store, &ROOM, GROUP.to_vec(), known).unwrap();
        let mut group = group.or_else(|| PublicGroup::load(&storage, &group_id()).unwrap());
        work(&MlsCrypto::new(seed("hub", 0)), &storage, &mut group);
        let (batch, known) = storage.finish().unwrap();
        self.written = batch.bytes();
        self.store.apply(&batch).unwrap();
        self.cached = group.map(|group| (group, known));
    }

    fn follow(info: &[u8], tree: RatchetTreeIn) -> Hub {
        let mut hub = Hub { store: MemoryStore::default(), cached: None, written: 0 };
        hub.call(|crypto, storage, group| {
            let MlsMessageBodyIn::GroupInfo(info) = read(info) else { panic!("no group info") };
            let proposals = ProposalStore::new();
            *group = Some(PublicGroup::from_external(crypto, storage, tree, info, proposals).unwrap().0);
        });
        hub
    }

    fn receive(&mut self, commit: &[u8]) {
        self.call(|crypto, storage, group| {
            let group = group.as_mut().unwrap();
            let message = group.process_message(crypto, protocol_message(commit)).unwrap();
            let ProcessedMessageContent::StagedCommitMessage(commit) = message.into_content() else {
                panic!("no commit")
            };
            group.merge_commit(storage, *commit).unwrap();
        });
    }
}

#[test]
fn a_message_writes_less_than_a_kibibyte_and_a_commit_less_than_sixteen() {
    let started = Instant::now();
    let mut anna = Member::new("anna", true);
    anna.create();
    let mut others: Vec<Member> = (1..MEMBERS).map(|i| Member::new(&format!("member {i}"), true)).collect();
    let packages: Vec<_> = others.iter_mut().map(Member::key_package).collect();
    others.truncate(1 + WARM);
    let (_, welcome) = anna.commit(packages, vec![]);
    anna.merge();
    let welcome = welcome.unwrap();
    others.iter_mut().for_each(|member| member.join(&welcome));
    let mut bert = others.remove(0);
    let (info, tree) = anna.with(|provider, group, signer| {
        let info = group.export_group_info(provider.crypto, signer, false).unwrap();
        (wire(info), group.export_ratchet_tree())
    });
    let mut hub = Hub::follow(&info, tree.into());
    println!("{MEMBERS} members after {:.1} s", started.elapsed().as_secs_f32());

    let report = |what: &str, written: &[usize], most: usize| {
        let (least, largest) = (written.iter().min().unwrap(), written.iter().max().unwrap());
        println!("{what}: {least} to {largest} bytes");
        assert!(*largest <= most && *least > 0, "{what}");
    };

    let text = [0x55; 1024];
    let mut of_everybody = |bert: &mut Member| -> Vec<(usize, usize)> {
        let one = |sender: &mut Member| {
            let message = sender.send(&text);
            bert.receive(&message).unwrap();
            (sender.written, bert.written)
        };
        others.iter_mut().map(one).collect()
    };
    let (sent, received): (Vec<_>, Vec<_>) = of_everybody(&mut bert).into_iter().unzip();
    report("first message sent in an epoch", &sent, MESSAGE);
    report("first message received from a sender", &received, MESSAGE);
    let (sent, received): (Vec<_>, Vec<_>) = of_everybody(&mut bert).into_iter().unzip();
    report("message sent", &sent, MESSAGE);
    report("message received", &received, MESSAGE);

    // The first commit fills the path, the second finds a tree in use.
    for round in ["first", "next"] {
        let (commit, _) = anna.commit(vec![], vec![]);
        let staged = anna.written;
        anna.merge();
        report(&format!("own {round} commit, staged and merged"), &[staged, anna.written], COMMIT);
        assert!(staged + anna.written <= COMMIT);
        bert.receive(&commit);
        report(&format!("another's {round} commit"), &[bert.written], COMMIT);
        hub.receive(&commit);
        report(&format!("hub, {round} commit"), &[hub.written], COMMIT);
    }
    let (commit, _) = bert.commit(vec![], vec![]);
    bert.merge();
    anna.receive(&commit);
    hub.receive(&commit);
    report("commit from elsewhere in the tree", &[anna.written, hub.written], COMMIT);

    // What was written so is what there is.
    for member in [&mut anna, &mut bert] {
        let (cached, _) = member.cached.take().unwrap();
        let loaded = member.with(|_, group, _| group.export_ratchet_tree());
        assert_eq!(cached.export_ratchet_tree(), loaded);
    }
    let (cached, _) = hub.cached.take().unwrap();
    hub.call(|_, _, loaded| {
        assert_eq!(cached.export_ratchet_tree(), loaded.as_ref().unwrap().export_ratchet_tree());
    });
    let text = bert.send(b"over");
    assert_eq!(anna.receive(&text).unwrap(), b"over");
    println!("done after {:.1} s", started.elapsed().as_secs_f32());
}
