//! Builds the shim over ENet's C library, and turns the choice to leave Godot out into ignored tests.

fn main() {
    println!("cargo::rerun-if-changed=src/cenet/shim.c");
    println!("cargo::rerun-if-env-changed=GODOT_INTEROP");
    println!("cargo::rustc-check-cfg=cfg(godot_skipped)");
    if std::env::var("GODOT_INTEROP").as_deref() == Ok("skip") {
        println!("cargo::rustc-cfg=godot_skipped");
        println!("cargo::warning=GODOT_INTEROP=skip: the tests that need Godot are left out, by your choice");
    }
    let shim = cc::Build::new()
        .file("src/cenet/shim.c")
        .warnings(true)
        .try_compile("enet_shim");
    if let Err(error) = shim {
        println!(
            "cargo::error=these tests need a C compiler and ENet with its header (Debian: apt-get install libenet-dev): {error}"
        );
        return;
    }
    println!("cargo::rustc-link-lib=enet");
}
