//! Packets that Godot was given and reads after the call.

use std::collections::VecDeque;
use std::thread::{self, ThreadId};

use enet_tokio::Bytes;

/// Of how many threads the last packet is kept.
const THREADS: usize = 64;

/// The packet that each thread was given last. What another thread takes meanwhile does not free it.
#[derive(Debug, Default)]
pub(super) struct HandedOut(VecDeque<(ThreadId, Bytes)>);

impl HandedOut {
    /// Keeps a packet until this thread is given the next one.
    pub(super) fn keep(&mut self, packet: Bytes) -> &Bytes {
        let this = thread::current().id();
        self.0.retain(|(thread, _)| *thread != this);
        if self.0.len() == THREADS {
            // Threads that came and went.
            self.0.pop_front();
        }
        self.0.push_back((this, packet));
        &self.0[self.0.len() - 1].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_stays_while_other_threads_are_given_theirs() {
        let mut handed_out = HandedOut::default();
        let place = handed_out.keep(Bytes::from(vec![1; 100])).as_ptr();
        for _ in 1..THREADS {
            let other = thread::scope(|scope| scope.spawn(|| handed_out.keep(Bytes::from(vec![2; 100])).len()).join());
            assert_eq!(other.expect("no panic"), 100);
        }
        let (thread, packet) = &handed_out.0[0];
        assert_eq!((*thread, packet.as_ptr()), (thread::current().id(), place));
        handed_out.keep(Bytes::new());
        assert_eq!(handed_out.0.len(), THREADS);
        assert!(handed_out.0.iter().all(|(_, packet)| packet.as_ptr() != place));
    }
}
