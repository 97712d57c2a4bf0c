//! What has to wait until Godot is idle, or until its main thread has time.

use std::sync::Mutex;

use godot::init::is_main_thread;
use godot::obj::{Gd, GodotClass};
use godot::prelude::Callable;

use crate::net::{Held, lock};

/// Lets go of a reference when Godot is idle: what runs now may be a method of the object.
pub(super) fn let_go_when_idle<T: GodotClass>(object: Gd<T>) {
    let held = Held::new(object);
    when_idle("let go", move || drop(held));
}

/// Does something on the main thread: at once if this is it.
pub(super) fn on_main_thread(what: &'static str, act: impl FnOnce() + Send + 'static) {
    if is_main_thread() {
        act();
    } else {
        when_idle(what, act);
    }
}

fn when_idle(what: &'static str, act: impl FnOnce() + Send + 'static) {
    let act = Mutex::new(Some(act));
    let callable = Callable::from_sync_fn(what, move |_| {
        let act = lock(&act).take();
        if let Some(act) = act {
            act();
        }
    });
    callable.call_deferred(&[]);
}
