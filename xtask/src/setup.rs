//! What the tests need of the machine: ENet's C library, OpenSSL's, and a Godot 4.

use std::env;

use crate::step::{Context, Failure, Step, succeeds};

/// Includes the headers and needs the libraries.
const PROGRAM: &str = "#include <enet/enet.h>\n#include <openssl/ssl.h>\n\
    int main(void) { return enet_linked_version() == 0 || OPENSSL_init_ssl(0, NULL) == 0; }\n";

const PACKAGES: &str = "The tests compare with ENet's C library and encrypt by OpenSSL, and need both with their headers, and a C \
    compiler:\n\
    \x20 Debian, Ubuntu: apt-get install gcc libc6-dev libenet-dev libssl-dev pkg-config (as root)\n\
    \x20 Fedora: dnf install gcc enet-devel openssl-devel pkgconf    Arch: pacman -S gcc enet openssl pkgconf\n\
    \x20 macOS: brew install enet openssl pkgconf\n\
    Without it: `cargo test --workspace --exclude interop-tests` runs the other tests.";

const GODOT: &str = "The tests need a stock Godot 4. One of these helps:\n\
    \x20 install Godot 4 and set GODOT4_BIN to its program, or have `godot4` or `godot` on the PATH;\n\
    \x20 run this as root on Debian with a reachable package mirror: it installs one below target/;\n\
    \x20 `cargo xtask test --without-godot` leaves out the tests that need it.";

/// Installs ENet's and OpenSSL's C libraries where that is possible, unless they are there.
pub(crate) fn c_libraries(context: &Context) -> Result<(), Failure> {
    let name = "C libraries";
    if c_libraries_link() {
        return Ok(());
    }
    let missing = |reason: &str| Failure {
        step: name,
        reason: reason.to_owned(),
        advice: PACKAGES.to_owned(),
    };
    if !succeeds("apt-get", &["--version"]) {
        return Err(missing(
            "they are not all installed, and there is no apt-get to install them",
        ));
    }
    let by_root: &[&str] = if is_root() {
        &[]
    } else if succeeds("sudo", &["-n", "true"]) {
        &["sudo", "-n"]
    } else {
        return Err(missing("they are not all installed, and installing them needs root"));
    };
    let apt = |words: &[&str]| {
        let command = [
            by_root,
            &["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq"],
            words,
        ]
        .concat();
        Step::new(name, &command).minutes(10).advice(PACKAGES).run(context)
    };
    apt(&["update"])?;
    apt(&[
        "install",
        "--yes",
        "--no-install-recommends",
        "gcc",
        "libc6-dev",
        "libenet-dev",
        "libssl-dev",
        "pkg-config",
    ])?;
    if c_libraries_link() {
        Ok(())
    } else {
        Err(missing(
            "they are installed, and a C program cannot be linked with them",
        ))
    }
}

/// Finds the Godot 4 that the tests will run, installs one where there is none, and returns its version.
///
/// To be called when the tests are built, since the program that knows how is built with them.
pub(crate) fn godot(context: &Context) -> Result<String, Failure> {
    let finder = beside_this_program("install-godot");
    let printed = Step::new("Godot", &[&finder]).minutes(10).advice(GODOT).read(context)?;
    Ok(printed.trim().to_owned())
}

fn c_libraries_link() -> bool {
    let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let output = beside_this_program("library-probe");
    let links = duct::cmd!(compiler, "-x", "c", "-", "-lenet", "-lssl", "-lcrypto", "-o", output)
        .stdin_bytes(PROGRAM)
        .stdout_null()
        .stderr_null()
        .run()
        .is_ok();
    // The crate `openssl` looks for its library so.
    links && succeeds("pkg-config", &["--exists", "openssl"])
}

fn is_root() -> bool {
    duct::cmd!("id", "-u").read().is_ok_and(|id| id == "0")
}

/// A path in the folder where cargo puts programs.
fn beside_this_program(name: &str) -> String {
    let here = env::current_exe().unwrap_or_default();
    here.with_file_name(format!("{name}{}", env::consts::EXE_SUFFIX))
        .to_string_lossy()
        .into_owned()
}
