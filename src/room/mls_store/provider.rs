//! Which value lies where: the storage trait of openmls, entity by entity.
//!
//! It serves `PublicGroup` too: openmls derives the public trait from this one.

use openmls_traits::storage::{CURRENT_VERSION, StorageProvider, traits};

use serde::{
    Serialize,
    de::{DeserializeOwned, IgnoredAny},
};

use super::{
    MlsStore, encode,
    layout::{DeviceTable, GroupTable, Slot},
};
use crate::{
    code::Code,
    error::{Error, Result},
};

const V: u16 = CURRENT_VERSION;

/// Values of which a group has one.
macro_rules! one_per_group {
    ($($write:ident $read:ident $delete:ident $entity:ident $table:ident;)*) => {$(
        fn $write<G: traits::GroupId<V>, T: traits::$entity<V>>(&self, group: &G, value: &T) -> Result<()> {
            self.is_room(group)?;
            self.put(Slot::only(GroupTable::$table), value)
        }
        fn $read<G: traits::GroupId<V>, T: traits::$entity<V>>(&self, group: &G) -> Result<Option<T>> {
            self.is_room(group)?;
            self.get(&Slot::only(GroupTable::$table))
        }
        fn $delete<G: traits::GroupId<V>>(&self, group: &G) -> Result<()> {
            self.is_room(group)?;
            self.delete(Slot::only(GroupTable::$table))
        }
    )*};
}

/// Values of which a device has many, each with its name.
macro_rules! named_per_device {
    ($($write:ident $delete:ident $name:ident $entity:ident $table:ident;)*) => {$(
        fn $write<N: traits::$name<V>, T: traits::$entity<V>>(&self, name: &N, value: &T) -> Result<()> {
            self.put_device(DeviceTable::$table, name, value)
        }
        fn $delete<N: traits::$name<V>>(&self, name: &N) -> Result<()> {
            self.delete_device(DeviceTable::$table, name)
        }
    )*};
}

impl StorageProvider<V> for MlsStore<'_> {
    type Error = Error;

    one_per_group! {
        write_mls_join_config mls_group_join_config delete_group_config MlsGroupJoinConfig JoinConfig;
        write_tree tree delete_tree TreeSync RatchetTree;
        write_interim_transcript_hash interim_transcript_hash delete_interim_transcript_hash
            InterimTranscriptHash InterimTranscriptHash;
        write_context group_context delete_context GroupContext GroupContext;
        write_confirmation_tag confirmation_tag delete_confirmation_tag ConfirmationTag ConfirmationTag;
        write_message_secrets message_secrets delete_message_secrets MessageSecrets MessageSecrets;
        write_resumption_psk_store resumption_psk_store delete_all_resumption_psk_secrets
            ResumptionPskStore ResumptionPsks;
        write_own_leaf_index own_leaf_index delete_own_leaf_index LeafNodeIndex OwnLeafIndex;
        write_group_epoch_secrets group_epoch_secrets delete_group_epoch_secrets
            GroupEpochSecrets EpochSecrets;
    }

    // As above, but the trait has these type parameters in another order.
    fn write_group_state<T: traits::GroupState<V>, G: traits::GroupId<V>>(
        &self,
        group: &G,
        value: &T,
    ) -> Result<()> {
        self.is_room(group)?;
        self.put(Slot::only(GroupTable::GroupState), value)
    }
    fn group_state<T: traits::GroupState<V>, G: traits::GroupId<V>>(&self, group: &G) -> Result<Option<T>> {
        self.is_room(group)?;
        self.get(&Slot::only(GroupTable::GroupState))
    }
    fn delete_group_state<G: traits::GroupId<V>>(&self, group: &G) -> Result<()> {
        self.is_room(group)?;
        self.delete(Slot::only(GroupTable::GroupState))
    }

    // -- own leaves that were proposed

    fn append_own_leaf_node<G: traits::GroupId<V>, T: traits::LeafNode<V>>(
        &self,
        group: &G,
        leaf: &T,
    ) -> Result<()> {
        self.is_room(group)?;
        self.put(self.next_slot(GroupTable::OwnLeafNodes)?, leaf)
    }
    fn own_leaf_nodes<G: traits::GroupId<V>, T: traits::LeafNode<V>>(&self, group: &G) -> Result<Vec<T>> {
        self.is_room(group)?;
        self.all(GroupTable::OwnLeafNodes)
    }
    fn delete_own_leaf_nodes<G: traits::GroupId<V>>(&self, group: &G) -> Result<()> {
        self.is_room(group)?;
        // openmls itself deletes the keys of the leaf that was committed, and forgets the others.
        self.delete_all(GroupTable::LeafKeyPairs)?;
        self.delete_all(GroupTable::OwnLeafNodes)
    }

    // -- proposals that wait for a commit

    fn queue_proposal<G: traits::GroupId<V>, R: traits::ProposalRef<V>, P: traits::QueuedProposal<V>>(
        &self,
        group: &G,
        reference: &R,
        proposal: &P,
    ) -> Result<()> {
        self.is_room(group)?;
        let slot = match self.proposal_slot(reference)? {
            Some(slot) => slot,
            None => self.next_slot(GroupTable::Proposals)?,
        };
        self.put(slot, &(reference, proposal))
    }
    fn queued_proposals<G: traits::GroupId<V>, R: traits::ProposalRef<V>, P: traits::QueuedProposal<V>>(
        &self,
        group: &G,
    ) -> Result<Vec<(R, P)>> {
        self.is_room(group)?;
        self.all(GroupTable::Proposals)
    }
    fn queued_proposal_refs<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(
        &self,
        group: &G,
    ) -> Result<Vec<R>> {
        self.is_room(group)?;
        let proposals: Vec<(R, IgnoredAny)> = self.all(GroupTable::Proposals)?;
        Ok(proposals.into_iter().map(|(reference, _)| reference).collect())
    }
    fn remove_proposal<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(
        &self,
        group: &G,
        reference: &R,
    ) -> Result<()> {
        self.is_room(group)?;
        self.proposal_slot(reference)?.map_or(Ok(()), |slot| self.delete(slot))
    }
    fn clear_proposal_queue<G: traits::GroupId<V>, R: traits::ProposalRef<V>>(
        &self,
        group: &G,
    ) -> Result<()> {
        self.is_room(group)?;
        self.delete_all(GroupTable::Proposals)
    }

    // -- own encryption keys: those of an epoch, and those of leaves that were proposed

    fn write_encryption_epoch_key_pairs<
        G: traits::GroupId<V>,
        E: traits::EpochKey<V>,
        K: traits::HpkeKeyPair<V>,
    >(
        &self,
        group: &G,
        epoch: &E,
        leaf: u32,
        pairs: &[K],
    ) -> Result<()> {
        self.is_room(group)?;
        self.put(self.keyed(GroupTable::EpochKeyPairs, &(epoch, leaf))?, pairs)
    }
    fn encryption_epoch_key_pairs<
        G: traits::GroupId<V>,
        E: traits::EpochKey<V>,
        K: traits::HpkeKeyPair<V>,
    >(
        &self,
        group: &G,
        epoch: &E,
        leaf: u32,
    ) -> Result<Vec<K>> {
        self.is_room(group)?;
        Ok(self.get(&self.keyed(GroupTable::EpochKeyPairs, &(epoch, leaf))?)?.unwrap_or_default())
    }
    fn delete_encryption_epoch_key_pairs<G: traits::GroupId<V>, E: traits::EpochKey<V>>(
        &self,
        group: &G,
        epoch: &E,
        leaf: u32,
    ) -> Result<()> {
        self.is_room(group)?;
        self.delete(self.keyed(GroupTable::EpochKeyPairs, &(epoch, leaf))?)
    }

    fn write_encryption_key_pair<N: traits::EncryptionKey<V>, K: traits::HpkeKeyPair<V>>(
        &self,
        public: &N,
        pair: &K,
    ) -> Result<()> {
        self.put(self.keyed(GroupTable::LeafKeyPairs, public)?, pair)
    }
    fn encryption_key_pair<K: traits::HpkeKeyPair<V>, N: traits::EncryptionKey<V>>(
        &self,
        public: &N,
    ) -> Result<Option<K>> {
        self.get(&self.keyed(GroupTable::LeafKeyPairs, public)?)
    }
    fn delete_encryption_key_pair<N: traits::EncryptionKey<V>>(&self, public: &N) -> Result<()> {
        self.delete(self.keyed(GroupTable::LeafKeyPairs, public)?)
    }

    // -- keys of the device

    named_per_device! {
        write_key_package delete_key_package HashReference KeyPackage KeyPackages;
        write_signature_key_pair delete_signature_key_pair
            SignaturePublicKey SignatureKeyPair SignatureKeyPairs;
        write_psk delete_psk PskId PskBundle Psks;
    }

    // As above; each has these type parameters in an order of its own.
    fn key_package<N: traits::HashReference<V>, T: traits::KeyPackage<V>>(
        &self,
        name: &N,
    ) -> Result<Option<T>> {
        self.get_device(DeviceTable::KeyPackages, name)
    }
    fn signature_key_pair<N: traits::SignaturePublicKey<V>, T: traits::SignatureKeyPair<V>>(
        &self,
        name: &N,
    ) -> Result<Option<T>> {
        self.get_device(DeviceTable::SignatureKeyPairs, name)
    }
    fn psk<T: traits::PskBundle<V>, N: traits::PskId<V>>(&self, name: &N) -> Result<Option<T>> {
        self.get_device(DeviceTable::Psks, name)
    }
}

impl MlsStore<'_> {
    fn keyed(&self, table: GroupTable, key: &impl Serialize) -> Result<Slot> {
        let slot = || Slot::keyed(table, &encode(key)?).ok_or(Error::new(Code::Bug, "key of an MLS value"));
        self.run(|_| slot())
    }

    fn all<T: DeserializeOwned>(&self, table: GroupTable) -> Result<Vec<T>> {
        self.slots(table)?.iter().filter_map(|slot| self.get(slot).transpose()).collect()
    }

    fn delete_all(&self, table: GroupTable) -> Result<()> {
        self.slots(table)?.into_iter().try_for_each(|slot| self.delete(slot))
    }

    fn proposal_slot<R: traits::ProposalRef<V>>(&self, reference: &R) -> Result<Option<Slot>> {
        let reference = self.run(|_| encode(reference))?;
        for slot in self.slots(GroupTable::Proposals)? {
            let stored: Option<(R, IgnoredAny)> = self.get(&slot)?;
            if let Some((stored, _)) = stored
                && encode(&stored)? == reference
            {
                return Ok(Some(slot));
            }
        }
        Ok(None)
    }
}
