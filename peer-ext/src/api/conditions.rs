//! A bad network, for testing on one machine, as a dictionary.

use std::time::Duration;

use enet_tokio::{Bandwidth, Conditions, NetworkConditions};
use godot::prelude::*;

/// What a datagram costs besides its own bytes: the headers of IPv4 and UDP.
const OVERHEAD: usize = 28;

/// For how much of a second's datagrams there is room to wait when there are more than fit.
const QUEUE_SHARE: u64 = 4;

/// Reads what [`RustENetMultiplayerPeer::set_network_conditions`](super::RustENetMultiplayerPeer) is given; what is wrong with it
/// if it cannot be.
pub(super) fn read(dictionary: &VarDictionary) -> Result<NetworkConditions, String> {
    let mut conditions = NetworkConditions::default();
    for (key, value) in dictionary.iter_shared() {
        let key = key.stringify().to_string();
        match key.as_str() {
            "incoming" => conditions.incoming = direction(&key, &value)?,
            "outgoing" => conditions.outgoing = direction(&key, &value)?,
            "seed" => conditions.seed = number(&key, &value)? as u64,
            _ => {
                return Err(format!(
                    "there is no {key:?} in network conditions; there are incoming, outgoing and seed"
                ));
            }
        }
    }
    Ok(conditions)
}

fn direction(name: &str, value: &Variant) -> Result<Conditions, String> {
    let dictionary = value
        .try_to::<VarDictionary>()
        .map_err(|_| format!("{name:?} is not a dictionary"))?;
    let mut conditions = Conditions::default();
    for (key, value) in dictionary.iter_shared() {
        let key = key.stringify().to_string();
        let number = number(&key, &value)?;
        let probability = || match (0.0..=1.0).contains(&number) {
            true => Ok(number),
            false => Err(format!("{key:?} must be between 0.0 and 1.0, not {number}")),
        };
        let time = || Duration::try_from_secs_f64(number / 1000.0).map_err(|_| format!("{key:?} cannot be {number}"));
        match key.as_str() {
            "delay_ms" => conditions.delay = time()?,
            "jitter_ms" => conditions.jitter = time()?,
            "loss" => conditions.loss = probability()?,
            "duplication" => conditions.duplication = probability()?,
            "reordering" => conditions.reordering = probability()?,
            "reordering_delay_ms" => conditions.reordering_delay = time()?,
            "bytes_per_second" => {
                let bytes_per_second = number as u64;
                conditions.bandwidth = (bytes_per_second > 0).then_some(Bandwidth {
                    bytes_per_second,
                    queue: (bytes_per_second / QUEUE_SHARE).max(4096) as usize,
                    overhead: OVERHEAD,
                });
            }
            _ => return Err(format!("there is no {key:?} in the conditions of a direction")),
        }
    }
    Ok(conditions)
}

fn number(key: &str, value: &Variant) -> Result<f64, String> {
    let whole = value.try_to::<i64>().map(|number| number as f64);
    whole
        .or_else(|_| value.try_to::<f64>())
        .map_err(|_| format!("{key:?} is not a number"))
}
