//! A running Godot project: its events, its log, its end.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tempfile::TempDir;

use super::find::Godot;
use crate::driver::LONG;

/// A Godot that runs a project without a window.
///
/// A line on its standard output that is "@" and a JSON object is an event; all else is its log. The process ends with this
/// value; if that is because a test fails, its log is printed.
#[derive(Debug)]
pub struct GodotRun {
    name: String,
    child: Child,
    output: Arc<Output>,
    /// The copy of the project that it runs, its home folder in it.
    files: TempDir,
}

#[derive(Debug, Default)]
struct Output {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    log: Vec<String>,
    /// Events nobody expected yet, in order.
    events: Vec<Value>,
    /// Pipes that are at their end, of two.
    closed: usize,
}

impl GodotRun {
    /// Runs a copy of the project in the folder `project`, with `arguments` for its scripts as `key=value`. `name` is for logs.
    ///
    /// # Panics
    /// If the files cannot be copied or the process not started.
    #[must_use]
    pub fn start(godot: &Godot, project: &Path, name: &str, arguments: &[(&str, String)]) -> GodotRun {
        GodotRun::start_merged(godot, &[project], name, arguments)
    }

    /// As [`start`](GodotRun::start), with the files of several folders, later ones over earlier ones.
    ///
    /// # Panics
    /// If the files cannot be copied or the process not started.
    #[must_use]
    pub fn start_merged(godot: &Godot, folders: &[&Path], name: &str, arguments: &[(&str, String)]) -> GodotRun {
        let mut command = godot.command();
        command.arg("--headless");
        GodotRun::start_with(command, godot, folders, name, arguments)
    }

    /// As [`start_merged`](GodotRun::start_merged), with a window on an X display, drawn by OpenGL.
    ///
    /// # Panics
    /// If the files cannot be copied or the process not started.
    #[must_use]
    pub fn start_shown(
        godot: &Godot,
        folders: &[&Path],
        name: &str,
        display: &str,
        arguments: &[(&str, String)],
    ) -> GodotRun {
        let mut command = godot.command();
        command.args(["--rendering-driver", "opengl3", "--audio-driver", "Dummy"]);
        command.env("DISPLAY", display);
        GodotRun::start_with(command, godot, folders, name, arguments)
    }

    fn start_with(
        mut command: Command,
        godot: &Godot,
        folders: &[&Path],
        name: &str,
        arguments: &[(&str, String)],
    ) -> GodotRun {
        let files = tempfile::Builder::new()
            .prefix("interop-")
            .tempdir_in(godot.workplace())
            .expect("a folder for the project");
        for folder in folders {
            copy(folder, files.path()).expect("a copy of the project");
        }
        let inside = godot.inside(files.path());
        command.arg("--path").arg(&inside).arg("--");
        command.args(arguments.iter().map(|(key, value)| format!("{key}={value}")));
        // A home folder of its own: several Godots starting at once share no settings and caches.
        command
            .env("HOME", &inside)
            .env_remove("XDG_DATA_HOME")
            .env_remove("XDG_CONFIG_HOME");
        command.env_remove("XDG_CACHE_HOME");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.process_group(0).spawn().expect("Godot starts");
        let output = Arc::new(Output::default());
        let pipes: [Option<Box<dyn Read + Send>>; 2] = [
            child.stdout.take().map(|pipe| Box::new(pipe) as _),
            child.stderr.take().map(|pipe| Box::new(pipe) as _),
        ];
        for pipe in pipes.into_iter().flatten() {
            let output = Arc::clone(&output);
            thread::spawn(move || output.collect(pipe));
        }
        GodotRun {
            name: name.to_owned(),
            child,
            output,
            files,
        }
    }

    /// The name it was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Waits for a line of its log with these words, one of those before included.
    ///
    /// # Panics
    /// If none comes within [`LONG`].
    #[track_caller]
    pub fn expect_line(&self, words: &str) {
        let has_it = |state: &mut State| state.log.iter().any(|line| line.contains(words)).then_some(());
        let found = self.output.wait(Instant::now() + LONG, has_it);
        assert!(found.is_some(), "{} does not say {words:?}", self.name);
    }

    /// The errors that Godot has printed so far, its own and those of scripts.
    #[must_use]
    pub fn errors(&self) -> Vec<String> {
        let is_error = |line: &&String| {
            ["ERROR:", "SCRIPT ERROR:", "USER ERROR:"]
                .iter()
                .any(|mark| line.contains(mark))
        };
        self.output.state().log.iter().filter(is_error).cloned().collect()
    }

    /// The copy of the project that it runs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.files.path()
    }

    /// Takes the first event, of those not taken yet and those to come, that `is` what is waited for.
    ///
    /// # Panics
    /// If none comes within [`LONG`], or Godot ends.
    #[track_caller]
    pub fn expect(&mut self, what: &str, is: impl FnMut(&Value) -> bool) -> Value {
        match self.take(Instant::now() + LONG, is) {
            Some(event) => event,
            None => panic!("{}: no {what}; left over: {:?}", self.name, self.output.state().events),
        }
    }

    /// As [`expect`](GodotRun::expect), but `None` when no such event comes `within` a time.
    pub fn try_expect(&mut self, within: Duration, is: impl FnMut(&Value) -> bool) -> Option<Value> {
        self.take(Instant::now() + within, is)
    }

    /// Takes all events there are now that are what is asked for.
    pub fn drain(&mut self, mut is: impl FnMut(&Value) -> bool) -> Vec<Value> {
        self.output.state().events.extract_if(.., |event| is(event)).collect()
    }

    /// Ends it from outside, with no time for goodbyes.
    pub fn kill(&mut self) {
        if let Ok(None) = self.child.try_wait()
            && let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
        {
            // Already gone is as good.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.wait();
    }

    /// Waits for it to end by itself.
    ///
    /// # Panics
    /// If it goes on for longer than [`LONG`].
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let ended = self
            .output
            .wait(Instant::now() + LONG, |state| (state.closed == 2).then_some(()));
        assert!(ended.is_some(), "{} does not end", self.name);
        self.child.wait().expect("an exit status")
    }

    fn take(&mut self, deadline: Instant, mut is: impl FnMut(&Value) -> bool) -> Option<Value> {
        let mut seen = 0;
        let found = self.output.wait(deadline, |state| {
            let found = state.events[seen..].iter().position(&mut is).map(|at| seen + at);
            seen = state.events.len();
            match found {
                Some(at) => Some(Some(state.events.remove(at))),
                None => (state.closed == 2).then_some(None),
            }
        });
        found.flatten()
    }
}

impl Drop for GodotRun {
    fn drop(&mut self) {
        self.kill();
        if thread::panicking() {
            let log = self.output.wait(Instant::now() + LONG, |state| {
                (state.closed == 2).then(|| state.log.join("\n"))
            });
            eprintln!("---- what {} said ----\n{}\n----", self.name, log.unwrap_or_default());
        }
    }
}

impl Output {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a pipe to its end.
    fn collect(&self, pipe: impl Read) {
        let mut lines = BufReader::new(pipe).split(b'\n');
        while let Some(Ok(line)) = lines.next() {
            let line = String::from_utf8_lossy(&line).into_owned();
            let event = line.strip_prefix('@').and_then(|json| serde_json::from_str(json).ok());
            let mut state = self.state();
            state.events.extend(event);
            state.log.push(line);
            self.changed.notify_all();
        }
        self.state().closed += 1;
        self.changed.notify_all();
    }

    /// Asks after every change until there is an answer.
    fn wait<T>(&self, deadline: Instant, mut ask: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        let mut state = self.state();
        loop {
            if let Some(answer) = ask(&mut state) {
                return Some(answer);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            state = self
                .changed
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

/// Copies a folder with all that is in it.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
