//! Datagrams that a host's program takes before ENet sees them.

use std::collections::HashMap;
use std::ffi::{c_int, c_void};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::panic::{self, AssertUnwindSafe};
use std::ptr::NonNull;
use std::slice;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::ffi::{self, RawHost};

/// Gets a datagram and who sent it; whether it is not for ENet.
pub type Intercept = Arc<dyn Fn(SocketAddrV4, &[u8]) -> bool + Send + Sync>;

/// By the address of their host: the library's callback has no context of its own.
static FUNCTIONS: Mutex<Option<HashMap<usize, Intercept>>> = Mutex::new(None);

/// Has a live host show every datagram to a function.
pub(super) fn install(host: NonNull<RawHost>, function: Intercept) {
    functions().get_or_insert_default().insert(host.addr().get(), function);
    // SAFETY: the host is live.
    unsafe { ffi::shim_host_intercept(host.as_ptr(), Some(call)) };
}

/// Forgets the function of a host that goes.
pub(super) fn remove(host: NonNull<RawHost>) {
    if let Some(functions) = &mut *functions() {
        functions.remove(&host.addr().get());
    }
}

fn functions() -> MutexGuard<'static, Option<HashMap<usize, Intercept>>> {
    FUNCTIONS.lock().unwrap_or_else(PoisonError::into_inner)
}

unsafe extern "C" fn call(host: *mut RawHost, _event: *mut c_void) -> c_int {
    let function = functions()
        .as_ref()
        .and_then(|functions| functions.get(&host.addr()).cloned());
    let Some(function) = function else { return 0 };
    let (mut ip, mut port, mut length) = (0, 0, 0);
    // SAFETY: the library calls with a live host; the pointers are to locals of the right types.
    let data = unsafe { ffi::shim_host_received(host, &raw mut ip, &raw mut port, &raw mut length) };
    // SAFETY: what was received is as long as it says, and stays until this returns.
    let datagram = if length == 0 {
        &[]
    } else {
        unsafe { slice::from_raw_parts(data, length) }
    };
    let from = SocketAddrV4::new(Ipv4Addr::from_bits(ip), port);
    // A panic must not cross C: the datagram is ENet's then, and the test sees the message.
    let takes = panic::catch_unwind(AssertUnwindSafe(|| function(from, datagram)));
    c_int::from(takes.unwrap_or(false))
}
