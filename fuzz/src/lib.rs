//! What several targets need: the naive oracles.

/// The capitals of a text by the standard library, one character at a time; bytes that are not
/// UTF-8 stay.
pub fn capitals(text: &[u8]) -> Vec<u8> {
    let mut capitals = Vec::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        capitals.extend_from_slice(chunk.valid().to_uppercase().as_bytes());
        capitals.extend_from_slice(chunk.invalid());
    }
    capitals
}

/// The datagrams of a run: of `segment_size` bytes each, the last perhaps shorter. An empty run is
/// one empty datagram.
pub fn datagrams(run: &[u8], segment_size: usize) -> Vec<&[u8]> {
    if run.is_empty() {
        vec![run]
    } else {
        run.chunks(segment_size.max(1)).collect()
    }
}
