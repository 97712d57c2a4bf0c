//! Prints the command that starts a Godot 4 for the tests; installs one when none is found.

use std::process::ExitCode;

use interop_tests::godot::Godot;

fn main() -> ExitCode {
    match Godot::find() {
        Ok(godot) => {
            eprintln!("Godot {}", godot.version());
            println!("{godot}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
