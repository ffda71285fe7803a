//! The part of a file that is filled while the one before it is sent. There are two of them and no third: what was sent
//! is filled again.

use bytes::{Bytes, BytesMut};

/// Parts are alike but the last: some stores insist on it. At least 5 MiB is asked by Amazon.
pub(super) const PART_BYTES: usize = 8 << 20;

/// A file that grows beyond this is expected to fill a part.
const GROWING_BYTES: usize = 1 << 20;
/// What may wait in memory until its file is made visible. A run has a hundred files at most.
const SMALL_BYTES: usize = 128 << 10;

/// A part that is being filled.
#[derive(Debug, Default)]
pub(super) struct Filling(BytesMut);

impl Filling {
    pub(super) fn is_full(&self) -> bool {
        self.0.len() == PART_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn is_small(&self) -> bool {
        self.0.len() <= SMALL_BYTES
    }

    /// Takes as much as there is room for.
    pub(super) fn take_from(&mut self, chunk: &mut Bytes) {
        let room = PART_BYTES - self.0.len();
        let piece = chunk.split_to(room.min(chunk.len()));
        if self.0.len() + piece.len() > GROWING_BYTES {
            self.0.reserve(room);
        }
        self.0.extend_from_slice(&piece);
    }

    /// What it holds; it goes on empty.
    pub(super) fn handed_over(&mut self) -> Bytes {
        std::mem::take(&mut self.0).freeze()
    }

    /// Goes on in the room of a part that has arrived.
    pub(super) fn go_on_in(&mut self, spare: Spare) {
        self.0 = spare.0;
    }
}

/// The room of a part that has arrived, where nothing else holds it.
#[derive(Debug, Default)]
pub(super) struct Spare(BytesMut);

impl From<Bytes> for Spare {
    fn from(sent: Bytes) -> Self {
        let mut room = sent.try_into_mut().unwrap_or_default();
        room.clear();
        Self(room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_of_any_size_is_cut_where_the_part_ends() {
        let mut filling = Filling::default();
        let mut chunk = Bytes::from(vec![1; PART_BYTES + 3]);
        filling.take_from(&mut chunk);
        assert!(filling.is_full() && chunk.len() == 3);
        filling.take_from(&mut chunk);
        assert_eq!(chunk.len(), 3, "there is no room");
        assert_eq!(filling.handed_over().len(), PART_BYTES);
        filling.take_from(&mut chunk);
        assert_eq!(filling.handed_over(), [1, 1, 1][..]);
    }

    #[test]
    fn a_small_file_takes_little_room_and_a_large_one_no_more_than_a_part() {
        let mut filling = Filling::default();
        filling.take_from(&mut Bytes::from(vec![1; 1_000]));
        assert!(filling.0.capacity() <= 2_000);
        while !filling.is_full() {
            filling.take_from(&mut Bytes::from(vec![1; 300_001]));
            assert!(filling.0.capacity() <= PART_BYTES);
        }
    }

    #[test]
    fn the_room_of_a_part_that_was_sent_is_filled_again() {
        let mut filling = Filling::default();
        filling.take_from(&mut Bytes::from(vec![1; PART_BYTES]));
        let sent = filling.handed_over();
        let place = sent.as_ptr();
        filling.go_on_in(Spare::from(sent));
        filling.take_from(&mut Bytes::from(vec![2; PART_BYTES]));
        let next = filling.handed_over();
        assert_eq!((next.as_ptr(), next[0], next.len()), (place, 2, PART_BYTES));

        let held = next.clone();
        filling.go_on_in(Spare::from(next));
        filling.take_from(&mut Bytes::from(vec![3; 10]));
        assert_eq!(held[0], 2, "what somebody still holds is left alone");
    }
}
