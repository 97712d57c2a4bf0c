//! Whether a peer's call is made: as a stock Godot judges, but that arguments which do not decode refuse it.

use std::collections::BTreeMap;
use std::sync::Arc;

use godot_variant::binary::{ArgumentError, Decoder};
use godot_variant::{DecodeOptions, Variant};

use super::call::{Call, Refused};
use super::limits::CallLimits;
use super::node::{Node, node_path};
use crate::PeerId;
use crate::event::Received;
use crate::scene::{Arguments, Message, MethodId, NodeReference, Parameters, RpcMode};

/// How much memory values take at most for each byte of arguments, and what a few small ones take in any case.
const MEMORY_PER_BYTE: usize = 16;
const LEAST_MEMORY: usize = 4096;

/// What is known of a call that is refused, for the record.
#[derive(Debug, Default)]
pub(super) struct Trail {
    pub(super) node: Option<Arc<str>>,
    pub(super) method: Option<Arc<str>>,
}

/// The call in a packet, if it is to be made.
pub(super) fn judge(
    nodes: &BTreeMap<Arc<str>, Node>,
    limits: &CallLimits,
    packet: &Received,
    trail: &mut Trail,
) -> Result<Call, Refused> {
    let Message::Rpc(rpc) = packet.message()? else {
        return Err(crate::scene::MessageError::Truncated.into());
    };
    let path = match (&packet.node_path, &rpc.node) {
        (Some(path), _) | (None, NodeReference::Path(path)) => path,
        (None, NodeReference::Id(_)) => return Err(Refused::UnknownNumber),
    };
    trail.node = Some(Arc::clone(path));
    let node = nodes.get(&*node_path(path)?).ok_or(Refused::UnknownNode)?;
    let MethodId(number) = rpc.method;
    let entry = node.by_id(rpc.method).ok_or(Refused::UnknownMethod(number))?;
    trail.method = Some(Arc::clone(&entry.name));
    may_call(entry.method.rpc_mode, packet.from, node.authority)?;
    let mut arguments = values(rpc.arguments, limits)?;
    if let Some(parameters) = &entry.parameters {
        arguments = admit(parameters, arguments)?;
    }
    Ok(Call {
        from: packet.from,
        node: Arc::clone(&node.path),
        method: Arc::clone(&entry.name),
        arguments,
        channel: packet.channel,
        mode: packet.mode,
    })
}

fn may_call(mode: RpcMode, from: PeerId, authority: PeerId) -> Result<(), Refused> {
    match mode {
        RpcMode::AnyPeer => Ok(()),
        RpcMode::Authority if from == authority => Ok(()),
        RpcMode::Authority => Err(Refused::NotAuthority(authority)),
        RpcMode::Disabled => Err(Refused::Disabled),
    }
}

fn values(arguments: Arguments, limits: &CallLimits) -> Result<Vec<Variant>, Refused> {
    let check = |size: usize| match size > limits.argument_bytes {
        true => Err(Refused::TooLarge(size)),
        false => Ok(()),
    };
    match arguments {
        Arguments::None => Ok(Vec::new()),
        Arguments::Bytes(data) => {
            check(data.len())?;
            Ok(vec![Variant::PackedByteArray(data.into())])
        }
        Arguments::Encoded { count, data } => {
            check(data.len())?;
            let memory = data.len().saturating_mul(MEMORY_PER_BYTE).saturating_add(LEAST_MEMORY);
            let options = DecodeOptions::new().depth(limits.depth).memory(memory);
            let mut decoder = Decoder::with_options(&data, options);
            let count = usize::from(count);
            let read = |index| {
                let value = decoder.read_compressed();
                value.map_err(|error| ArgumentError { index, count, error })
            };
            Ok((0..count).map(read).collect::<Result<_, _>>()?)
        }
    }
}

/// The arguments as the method's parameters take them.
fn admit(parameters: &Parameters, arguments: Vec<Variant>) -> Result<Vec<Variant>, Refused> {
    let (least, most) = (parameters.required(), parameters.types().len());
    let found = arguments.len();
    if !(least..=most).contains(&found) {
        return Err(Refused::Count { found, least, most });
    }
    let pairs = parameters.types().iter().zip(arguments).enumerate();
    let admitted = pairs.map(|(index, (expected, value))| {
        expected.admit(value).map_err(|value| Refused::Type {
            index,
            found: value.variant_type(),
            expected: expected.clone(),
        })
    });
    admitted.collect()
}
