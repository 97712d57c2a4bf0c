//! Attacks on what goes before a session of DTLS, and on what is in one.

use std::io;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use enet_tokio::{Config, DtlsClient, EventEndpoint};
use netem::Random;

use super::context::{Context, Outcome, wait_until};
use crate::pace::Pace;
use crate::sockets::{self, Sent};

/// Hellos or records a second.
const FLOOD: f64 = 50_000.0;

/// Handshakes that are begun in a second: ten times as many as the server takes.
const BEGUN: f64 = 2_000.0;

/// The bytes of a cookie of ours.
const COOKIE: usize = 16;

/// Where in a first ClientHello its version and random number are: behind the headers of the record and the message.
const OPENING: std::ops::Range<usize> = 25..25 + 34;

/// How many addresses the handshakes begin at.
const BEGINNERS: usize = 256;

/// How long an answer may take before the attack.
const ANSWER_TIME: Duration = Duration::from_secs(2);

/// A ClientHello of DTLS 1.2, which offers ECDHE with AES-128-GCM, by ECDSA or RSA, on X25519.
fn client_hello(random: &mut Random) -> Vec<u8> {
    let mut body = vec![0xfe, 0xfd];
    body.extend(random.bytes(32));
    finish_hello(body, 0, &[])
}

/// The same one again, with a cookie.
fn with_cookie(hello: &[u8], cookie: &[u8]) -> Vec<u8> {
    finish_hello(hello[OPENING].to_vec(), 1, cookie)
}

fn finish_hello(mut body: Vec<u8>, number: u8, cookie: &[u8]) -> Vec<u8> {
    // No session.
    body.push(0);
    body.push(cookie.len() as u8);
    body.extend_from_slice(cookie);
    body.extend([0, 4, 0xc0, 0x2b, 0xc0, 0x2f, 1, 0]);
    let extensions = [
        &[0, 10, 0, 4, 0, 2, 0, 29][..],
        &[0, 13, 0, 6, 0, 4, 4, 3, 8, 4],
        &[0, 11, 0, 2, 1, 0],
    ]
    .concat();
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    let length = (body.len() as u32).to_be_bytes();
    let mut datagram = vec![22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, number];
    datagram.extend((body.len() as u16 + 12).to_be_bytes());
    datagram.push(1);
    datagram.extend_from_slice(&length[1..]);
    datagram.extend([0, number, 0, 0, 0]);
    datagram.extend_from_slice(&length[1..]);
    datagram.extend(body);
    datagram
}

/// The cookie in an answer to a ClientHello, if it is one that asks for it.
fn cookie_in(answer: &[u8]) -> Option<&[u8]> {
    let is_request = answer.first() == Some(&22) && answer.get(13) == Some(&3);
    let length = usize::from(*answer.get(27).filter(|_| is_request)?);
    answer.get(28..28 + length)
}

/// From 4096 addresses, none of which reads the answer.
pub(super) fn hello_flood(context: &Context<'_>) -> io::Result<Outcome> {
    let attackers = sockets::many(context.target, 4096)?;
    let mut random = Random::new(1);
    flood(context, "ClientHellos", |sent| {
        let socket = &attackers[random.below(attackers.len() as u64) as usize];
        let hello = client_hello(&mut random);
        sent.send(socket, &hello);
    })
}

/// From 4096 addresses with cookies that are none; and every eighth from one that has proven itself, with the cookie that it got.
pub(super) fn cookie_flood(context: &Context<'_>) -> io::Result<Outcome> {
    let attackers = sockets::many(context.target, 4096)?;
    let mut random = Random::new(4);
    let hello = client_hello(&mut random);
    let known = &attackers[0];
    let mut buffer = [0; 4096];
    let mut good = None;
    wait_until(ANSWER_TIME, || {
        sockets::send(known, &hello);
        let answer = known.recv(&mut buffer).unwrap_or(0);
        good = cookie_in(&buffer[..answer]).map(|cookie| with_cookie(&hello, cookie));
        good.is_some()
    });
    let good = good.ok_or_else(|| io::Error::new(io::ErrorKind::TimedOut, "no cookie comes"))?;
    let mut received = 0;
    let mut sent_by_known = 0;
    let outcome = flood(context, "ClientHellos", |sent| {
        if random.below(8) == 0 {
            sent.send(known, &good);
            sent_by_known += good.len();
            while let Ok(length) = known.recv(&mut buffer) {
                received += length;
            }
        } else {
            let socket = &attackers[1 + random.below(attackers.len() as u64 - 1) as usize];
            let hello = with_cookie(&client_hello(&mut random), &random.bytes(COOKIE));
            sent.send(socket, &hello);
        }
    })?;
    let factor = received as f64 / sent_by_known as f64;
    Ok(outcome.at_most("bytes back for each", factor, 1.0, ""))
}

/// From 256 addresses that prove that they receive, and say nothing more.
pub(super) fn begun_handshakes(context: &Context<'_>) -> io::Result<Outcome> {
    let attackers = sockets::many(context.target, BEGINNERS)?;
    let mut random = Random::new(2);
    let mut sent = Sent::default();
    let mut begun = 0_u64;
    let mut pace = Pace::new(BEGUN, context.scale.seconds(10));
    let mut hellos: Vec<Vec<u8>> = vec![Vec::new(); attackers.len()];
    let mut buffer = [0; 4096];
    while let Some(turns) = pace.turns() {
        for _ in 0..turns {
            let at = random.below(attackers.len() as u64) as usize;
            let socket = &attackers[at];
            while let Ok(length) = socket.recv(&mut buffer) {
                if let Some(cookie) = cookie_in(&buffer[..length]).filter(|_| !hellos[at].is_empty()) {
                    sent.send(socket, &with_cookie(&hellos[at], cookie));
                    begun += 1;
                }
            }
            hellos[at] = client_hello(&mut random);
            sent.send(socket, &hellos[at]);
        }
    }
    let text = format!("{begun} handshakes begun and left: {sent}");
    // What is limited in the server is what it takes up, not how many come.
    Ok(Outcome::new(text).at_least("handshakes begun", begun as f64, 1.0, ""))
}

/// Records that nobody has sealed: from strangers, and from the addresses of four who have a session.
pub(super) fn record_flood(context: &Context<'_>) -> io::Result<Outcome> {
    let strangers = sockets::many(context.target, 1024)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let insiders = runtime.block_on(async {
        let mut insiders = Vec::new();
        for number in 0..4 {
            insiders.push(insider(context, number).await?);
        }
        io::Result::Ok(insiders)
    })?;
    let mut random = Random::new(3);
    let target = context.target.address();
    let outcome = flood(context, "records", |sent| {
        let record = record(&mut random);
        let at = random.below(8) as usize;
        match insiders.get(at) {
            Some(insider) => insider.send_raw(target, record),
            None => {
                let socket: &UdpSocket = &strangers[random.below(strangers.len() as u64) as usize];
                sent.send(socket, &record);
            }
        }
    });
    runtime.block_on(async {
        for insider in insiders {
            insider.shutdown_now(0).await;
        }
    });
    outcome
}

/// One who is in, and now sends what it likes.
async fn insider(context: &Context<'_>, number: u32) -> io::Result<EventEndpoint> {
    let config = Config::default().with_dtls(DtlsClient::dangerously_trusting_anyone());
    let insider = EventEndpoint::client(config).map_err(io::Error::other)?;
    insider
        .connect(context.target.address(), 1, 0x3000_0000 + number)
        .map_err(io::Error::other)?;
    let event = tokio::time::timeout(Duration::from_secs(10), insider.next_event()).await;
    match event {
        Ok(Some(enet_tokio::Event::Connected { .. })) => Ok(insider),
        other => Err(io::Error::other(format!("an attacker cannot join: {other:?}"))),
    }
}

/// Like a record of data in the first epoch that has keys.
fn record(random: &mut Random) -> Vec<u8> {
    let length = 32 + random.below(1000) as usize;
    let mut record = vec![23, 0xfe, 0xfd, 0, 1];
    record.extend(random.bytes(6));
    record.extend((length as u16).to_be_bytes());
    record.extend(random.bytes(length));
    record
}

fn flood(context: &Context<'_>, of: &'static str, mut send: impl FnMut(&mut Sent)) -> io::Result<Outcome> {
    let start = Instant::now();
    let mut sent = Sent::default();
    let mut given = 0_u64;
    let mut pace = Pace::new(FLOOD, context.scale.seconds(10));
    while let Some(turns) = pace.turns() {
        for _ in 0..turns {
            send(&mut sent);
            given += 1;
        }
    }
    let rate = given as f64 / start.elapsed().as_secs_f64();
    Ok(Outcome::new(format!("{rate:.0} {of} a second: {sent}")).at_least(of, rate.round(), FLOOD * 0.5, ""))
}
