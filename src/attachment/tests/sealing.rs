//! The sealer refuses a source that is not what was announced.

use super::support::*;

/// Seals `content` up to its end or a refusal; the hashes of the chunks that were sealed.
fn feed(sealer: &mut Sealer, mut content: &[u8]) -> Result<Vec<[u8; 32]>> {
    let mut hashes = Vec::new();
    while let Some(len) = sealer.next_len() {
        let (now, later) = content.split_at(len.min(content.len()));
        content = later;
        hashes.push(sealer.seal_next(&mut now.to_vec())?);
    }
    Ok(hashes)
}

fn changed<T: core::fmt::Debug>(result: Result<T>) {
    assert_eq!(result.unwrap_err().code(), Code::SourceChanged);
}

#[test]
fn a_shorter_or_longer_source_is_refused() {
    // V-640
    for (announced, found) in [(10, 9), (10, 11), (0, 1), (1, 0), (65_536, 65_535), (65_536, 65_537)] {
        let mut sealer = sealer_of(announced, 1);
        let mut chunk = content(found);
        changed(sealer.seal_next(&mut chunk));
        assert_eq!(chunk, content(found), "nothing was sealed");
        // It stays refused, also for what would have fitted.
        changed(sealer.seal_next(&mut content(usize(announced))));
        changed(sealer.finish());
    }
}

#[test]
fn a_chunk_too_few_or_too_many_is_refused() {
    let mut sealer = sealer_of(65_537, 1);
    sealer.seal_next(&mut content(65_536)).unwrap();
    changed(sealer.finish());

    for empty_or_not in [0, 1, 65_536] {
        let mut sealer = sealer_of(65_537, 1);
        feed(&mut sealer, &content(65_537)).unwrap();
        assert_eq!(sealer.next_len(), None);
        changed(sealer.seal_next(&mut content(empty_or_not)));
        changed(sealer.finish());
    }
}

#[test]
fn an_empty_file_has_one_empty_chunk() {
    let mut sealer = sealer_of(0, 1);
    assert_eq!(sealer.next_len(), Some(0));
    let mut chunk = Vec::new();
    sealer.seal_next(&mut chunk).unwrap();
    assert_eq!((chunk.len(), sealer.next_len()), (16, None));
    assert_eq!(sealer.finish().unwrap().list().len(), 1);
}

#[test]
fn a_file_past_the_limit_is_refused() {
    for size in [(1 << 40) + 1, u64::MAX] {
        assert_eq!(Sealer::new(size, &mut rng(1)).unwrap_err().code(), Code::TooLong);
        let sealer = sealer_of(1, 1);
        let resumed = Sealer::resume(sealer.key().clone(), *sealer.header(), size, Vec::new());
        assert_eq!(resumed.unwrap_err().code(), Code::TooLong);
    }
}

#[test]
fn going_on_gives_the_same_file() {
    let content = content(200_000);
    let mut first = sealer_of(200_000, 1);
    let hashes = feed(&mut first, &content).unwrap();
    let whole = first.finish().unwrap();

    for kept in 0..=hashes.len() {
        let before = hashes[..kept].to_vec();
        let mut again = Sealer::resume(file_ref(&whole).key, *whole.header(), 200_000, before).unwrap();
        assert_eq!(feed(&mut again, &content).unwrap(), hashes);
        assert_eq!(again.finish().unwrap().root(), whole.root());
    }
}

#[test]
fn a_source_that_changed_meanwhile_never_leaves() {
    // V-641
    let mut content = content(200_000);
    let mut first = sealer_of(200_000, 1);
    let hashes = feed(&mut first, &content).unwrap();
    let whole = first.finish().unwrap();

    content[70_000] ^= 1;
    let mut again =
        Sealer::resume(file_ref(&whole).key, *whole.header(), 200_000, hashes[..2].to_vec()).unwrap();
    let (one, two) = content.split_at(65_536);
    again.seal_next(&mut one.to_vec()).unwrap();
    let mut chunk = two[..65_536].to_vec();
    changed(again.seal_next(&mut chunk));
    assert!(chunk.is_empty(), "a second chunk under one nonce is gone");

    // The file as it was does not revive it.
    content[70_000] ^= 1;
    changed(again.seal_next(&mut content[65_536..131_072].to_vec()));
    changed(again.finish());
}

#[test]
fn going_on_with_the_wrong_record_is_refused() {
    let sealer = sealer_of(65_537, 1);
    let (own, header) = (sealer.key(), *sealer.header());
    let resume = |key: &FileKey, header: Header, size: u64, before: usize| {
        Sealer::resume(key.clone(), header, size, vec![[0; 32]; before]).map_err(|e| e.code()).err()
    };
    assert_eq!(resume(own, header, 65_537, 2), None);
    assert_eq!(resume(&key(3), header, 65_537, 0), Some(Code::BadCommitment));
    assert_eq!(resume(own, header, 5 << 30, 0), Some(Code::BadGeometry));
    assert_eq!(resume(own, header, 65_537, 3), Some(Code::BadGeometry));
    for byte in 2..Header::LEN {
        let mut bytes = header.to_bytes();
        bytes[byte] ^= 1;
        assert_eq!(resume(own, Header::parse(&bytes).unwrap(), 65_537, 0), Some(Code::BadCommitment));
    }
}
