//! What is dropped is traced at debug, and a flood of it is summed up.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use enet_proto::HostConfig;
use enet_sim::Probe;
use enet_sim::wire::Connect;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::common::{address, secs};

/// Keeps the messages of events, and counts those above debug.
#[derive(Clone, Default)]
struct Log {
    messages: Arc<Mutex<Vec<String>>>,
    loud: Arc<AtomicUsize>,
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0 += &format!("{}={value:?} ", field.name());
    }
}

impl Subscriber for Log {
    fn enabled(&self, _metadata: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        if *event.metadata().level() < Level::DEBUG {
            self.loud.fetch_add(1, Ordering::Relaxed);
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        self.messages.lock().unwrap().push(message.0);
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

#[test]
fn drops_are_traced_at_debug_and_a_flood_of_them_is_summed_up() {
    let log = Log::default();
    let taken = || std::mem::take(&mut *log.messages.lock().unwrap());
    tracing::subscriber::with_default(log.clone(), || {
        let mut probe = Probe::new(HostConfig::default());
        let remote = probe.join(address(1), Connect::default());
        taken();
        let garbage: [(&str, &[u8]); 4] = [
            ("no header", &[1]),
            ("for no peer", &[0x00, 0x77, 1, 2, 3, 4]),
            ("bad checksum or compressed block", &[0x4F, 0xFF, 1, 2, 3, 4]),
            ("for no peer, and malformed", &[0x0F, 0xFF, 1, 2]),
        ];
        for (why, bytes) in garbage {
            probe.receive_bytes(address(2), bytes.to_vec());
            let messages = taken();
            assert_eq!(messages.len(), 1, "{why}");
            assert!(
                messages[0].contains(why) && messages[0].contains("192.0.2.2"),
                "{messages:?}"
            );
        }
        let mut wrong = remote.datagram();
        wrong.session = (wrong.session + 1) % 4;
        probe.receive(remote.address, &wrong);
        assert!(taken()[0].contains("another session"));

        probe.advance(secs(2));
        taken();
        for _ in 0..10_000 {
            probe.receive_bytes(address(2), vec![1]);
        }
        assert_eq!(taken().len(), 10, "as many as may be told at once");
        probe.advance(secs(2));
        taken();
        probe.receive_bytes(address(2), vec![1]);
        let messages = taken();
        assert!(messages[0].contains("count=9990"), "{messages:?}");
        assert_eq!(messages.len(), 2);
    });
    assert_eq!(log.loud.load(Ordering::Relaxed), 0);
}
