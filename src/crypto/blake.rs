//! Labelled BLAKE3 (O'Connor, Aumasson, Neves, Wilcox-O'Hearn: BLAKE3, one function, fast
//! everywhere, 2020), for bytes that are many.

use blake3::Hasher;

use super::Label;

/// BLAKE3 hashes chunks of 1 KiB side by side, but only those that lie aligned in one
/// update. The framing would shift all that follow, so the first bytes are put together.
const HEAD: usize = 16 << 10;

/// BLAKE3 with 32 bytes of output over `u8 len ‖ label ‖ (u64 len ‖ part)*`, numbers big-endian:
/// the framing of [`hash`](super::hash()), which needs nothing that another hash function lacks.
pub(crate) fn blake3_hash(label: Label, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Hasher::new();
    let mut head = Vec::with_capacity(HEAD);
    label.frame(parts, |bytes| {
        let (first, rest) = bytes.split_at(bytes.len().min(HEAD - head.len()));
        head.extend_from_slice(first);
        if !rest.is_empty() {
            if hasher.count() == 0 {
                hasher.update(&head);
            }
            hasher.update(rest);
        }
    });
    if hasher.count() == 0 {
        hasher.update(&head);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_blake3_of_the_framing() {
        for len in [0, 1, HEAD - 100, HEAD, HEAD + 1, 3 * HEAD + 7]
            .into_iter()
            .chain(HEAD - 60..HEAD)
            .chain(HEAD + 900..HEAD + 1100)
        {
            let long: Vec<u8> = (0..251).cycle().take(len).collect();
            let parts: [&[u8]; 3] = [b"one", &long, &[7; 40]];
            let mut framed = Vec::new();
            Label::BLOB_CHUNK.frame(&parts, |bytes| framed.extend_from_slice(bytes));
            assert_eq!(blake3_hash(Label::BLOB_CHUNK, &parts), *blake3::hash(&framed).as_bytes(), "{len}");
        }
    }

    /// On a processor with AVX-512 only the assembly uses it.
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_features_choose_the_backend() {
        let wide = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl");
        let used = format!("{:?}", blake3::platform::Platform::detect());
        assert_eq!(used == "AVX512", wide && !cfg!(feature = "pure"), "{used}");
    }

    #[test]
    fn label_and_split_matter() {
        assert_ne!(blake3_hash(Label::BLOB_CHUNK, &[b"ab"]), blake3_hash(Label::BLOB_ROOT, &[b"ab"]));
        assert_ne!(blake3_hash(Label::BLOB_CHUNK, &[b"ab"]), blake3_hash(Label::BLOB_CHUNK, &[b"a", b"b"]));
    }
}
