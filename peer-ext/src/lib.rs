//! A drop-in `ENetMultiplayerPeer` for Godot 4.
//!
//! `net` is the network as the main thread sees it, `api` the classes as scripts see them.

// The comments on classes and methods are shown by Godot's help and follow its mark-up.
#![allow(clippy::doc_markdown, rustdoc::broken_intra_doc_links)]
// Godot's calls hand their arguments over by value.
#![allow(clippy::needless_pass_by_value)]

mod api;
mod net;

use godot::init::{ExtensionLibrary, InitStage, gdextension};

struct RustEnet;

// SAFETY: the entry point is made by the macro; all that Godot is given may be called from any thread.
#[gdextension]
unsafe impl ExtensionLibrary for RustEnet {
    fn on_stage_init(stage: InitStage) {
        // By now the classes are registered.
        if stage == InitStage::Scene {
            api::enums::register();
        }
    }

    fn on_stage_deinit(stage: InitStage) {
        if stage == InitStage::Scene {
            net::stop_thread();
        }
    }
}
