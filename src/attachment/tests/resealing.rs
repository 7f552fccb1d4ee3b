//! A file is sealed anew for others.

use super::support::*;

fn opener(file: &File) -> Opener {
    let list = ChunkList::parse(&file.list).unwrap();
    Opener::new(&file.said, &Header::parse(&file.header).unwrap(), list).unwrap()
}

#[test]
fn what_comes_of_it_opens_and_has_nothing_in_common() {
    for size in [0, 1, 65_536, 65_537, 200_000, 3_000_000] {
        let old = seal(&content(size), 1);
        let mut anew = Resealer::new(opener(&old), sealer_of(size as u64, 2)).unwrap();
        let mut chunks = Vec::new();
        while let Some(index) = anew.next_index() {
            let mut chunk = old.chunks[usize(index)].clone();
            anew.reseal_next(&mut chunk).unwrap();
            assert_ne!(chunk, old.chunks[usize(index)]);
            chunks.push(chunk);
        }
        let sealed = anew.finish().unwrap();
        let new = File {
            said: file_ref(&sealed),
            header: sealed.header().to_bytes().to_vec(),
            list: sealed.list().as_bytes().to_vec(),
            chunks,
        };
        assert_eq!(new.open().unwrap(), content(size));
        assert_ne!(new.said.key, old.said.key);
        assert_eq!(new.said.padded_size, old.said.padded_size);
    }
}

#[test]
fn a_wrong_chunk_stops_nothing_but_itself() {
    let old = seal(&content(200_000), 1);
    let mut anew = Resealer::new(opener(&old), sealer_of(200_000, 2)).unwrap();
    for wrong in [old.chunks[1].clone(), Vec::new()] {
        let mut chunk = wrong;
        assert_eq!(anew.reseal_next(&mut chunk).unwrap_err().code(), Code::BadChunk);
        assert!(chunk.is_empty());
        assert_eq!(anew.next_index(), Some(0));
    }
    for chunk in &old.chunks {
        anew.reseal_next(&mut chunk.clone()).unwrap();
    }
    assert_eq!(anew.next_index(), None);
    let mut more = old.chunks[0].clone();
    assert_eq!(anew.reseal_next(&mut more).unwrap_err().code(), Code::BadArgument);
    assert!(more.is_empty());
    anew.finish().unwrap();
}

#[test]
fn an_interrupted_one_goes_on_with_the_same_file_alone() {
    let (old, other) = (seal(&content(200_000), 1), seal(&vec![7; 200_000], 3));
    let mut anew = Resealer::new(opener(&old), sealer_of(200_000, 2)).unwrap();
    let before = vec![anew.reseal_next(&mut old.chunks[0].clone()).unwrap()];
    let again = || {
        let sealer = anew.sealer();
        Sealer::resume(sealer.key().clone(), *sealer.header(), sealer.size(), before.clone()).unwrap()
    };
    let mut resumed = Resealer::new(opener(&old), again()).unwrap();
    assert_eq!(resumed.reseal_next(&mut old.chunks[0].clone()).unwrap(), before[0]);
    // V-641
    let mut resumed = Resealer::new(opener(&other), again()).unwrap();
    let mut chunk = other.chunks[0].clone();
    assert_eq!(resumed.reseal_next(&mut chunk).unwrap_err().code(), Code::SourceChanged);
    assert!(chunk.is_empty());
    // Nothing more is sealed, and nothing is left in the clear.
    let mut chunk = other.chunks[0].clone();
    assert_eq!(resumed.reseal_next(&mut chunk).unwrap_err().code(), Code::SourceChanged);
    assert!(chunk.is_empty());
}

#[test]
fn both_are_of_one_size() {
    let old = seal(&content(1_000), 1);
    let refused = Resealer::new(opener(&old), sealer_of(1_001, 2)).unwrap_err();
    assert_eq!(refused.code(), Code::BadGeometry);
}
