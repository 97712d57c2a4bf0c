//! What a Godot project says of its session: the methods of its nodes, its spawners and synchronizers, read from its files.
//!
//! `project.godot`, scenes (`.tscn`), resources (`.tres`) and scripts (`.gd`) are read as text, without a Godot. What can only be
//! known while the game runs is [noted](Project::notes), as is what is wrong with a file; the other files are still read.
//!
//! The types that parameters of methods have become their [`Parameters`](crate::scene::Parameters): a call with others is refused, as
//! Godot refuses it. A parameter without a type, or with one that cannot be told from the text, takes any value. Of a method with a
//! rest parameter (`...`) nothing is checked.
//!
//! What is read is bounded: 20 000 files of 16 MiB, 65 536 nodes a scene and 1 048 576 in all, 64 scenes or scripts that contain or
//! extend each other.

mod cursor;
mod files;
mod multiplayer;
mod parameters;
mod script;
mod sections;
#[cfg(test)]
mod tests;
mod tree;
mod types;
mod value;
mod words;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use crate::scene::Interface;

pub use multiplayer::{Replicated, ReplicationMode, Spawner, Synchronizer};

use cursor::Fault;
use script::{Extends, Script};
use sections::Section;
use tree::{Builder, File, Files, Tree};
use types::Types;
use value::Value;

/// How many scripts may extend each other.
const MAX_BASES: usize = 64;

/// How many faults of one file are noted.
const MAX_FAULTS: usize = 100;

/// A project, read.
///
/// ```no_run
/// use godot_peer::project::Project;
///
/// # fn main() -> Result<(), godot_peer::project::ProjectError> {
/// let project = Project::open("path/to/game")?;
/// for note in project.notes() {
///     eprintln!("{note}");
/// }
/// if let Some(chat) = project.node("Main/Chat") {
///     println!("say is {:?}", chat.interface.id_of("say"));
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Project {
    name: String,
    main_scene: Option<String>,
    autoloads: Vec<Autoload>,
    scenes: BTreeMap<String, Scene>,
    interfaces: BTreeMap<String, Interface>,
    classes: BTreeMap<String, String>,
    notes: Vec<Note>,
}

/// Why there is no project to be read.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {reason}")]
pub struct ProjectError {
    path: String,
    reason: String,
}

/// A scene or script that is always loaded, as a child of the session's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Autoload {
    /// The name of the node.
    pub name: String,
    /// The `res://` path of the scene or script.
    pub path: String,
}

/// A scene, with all that it contains and inherits.
#[derive(Clone, Debug, PartialEq)]
pub struct Scene {
    /// Its `res://` path.
    pub path: String,
    /// Its nodes in the order of the tree: parents first, then children from the top. The first is the root.
    pub nodes: Vec<Node>,
}

/// A node of a scene.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Node {
    /// Its path from the scene's root; `.` for that one itself.
    pub path: String,
    /// Its name.
    pub name: String,
    /// Its class in Godot, as the scene writes it; empty if that is not known.
    pub class: String,
    /// The `res://` path of its script.
    pub script: Option<String>,
    /// What can be called on it.
    pub interface: Interface,
    /// If it is a `MultiplayerSpawner`.
    pub spawner: Option<Spawner>,
    /// If it is a `MultiplayerSynchronizer`.
    pub synchronizer: Option<Synchronizer>,
}

/// Something about a file that its author should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// How bad it is.
    pub severity: Severity,
    /// The `res://` path of the file.
    pub file: String,
    /// The line in it; 0 for the file as a whole.
    pub line: u32,
    /// What it is.
    pub message: String,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It cannot be known from the text.
    Warning,
    /// It is wrong.
    Error,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        match self.line {
            0 => write!(f, "{}: {kind}: {}", self.file, self.message),
            line => write!(f, "{}:{line}: {kind}: {}", self.file, self.message),
        }
    }
}

impl Project {
    /// Reads the project in a folder, the one that has a `project.godot`. It blocks while it reads.
    ///
    /// # Errors
    ///
    /// If there is no `project.godot` that can be read. What is wrong with other files, or with what is in it, is among the
    /// [notes](Project::notes).
    pub fn open(folder: impl AsRef<Path>) -> Result<Project, ProjectError> {
        let root = folder.as_ref();
        let settings = root.join("project.godot");
        let text = files::read(&settings).map_err(|reason| ProjectError {
            path: settings.display().to_string(),
            reason,
        })?;
        let mut project = Project::default();
        let (settings, faults) = sections::read(&text);
        project.blame("res://project.godot", &faults);

        let (paths, complaints) = files::find(root);
        for (file, message) in complaints {
            project.note(Severity::Error, &file, 0, message);
        }
        let (mut known, mut scripts) = (Files::default(), BTreeMap::new());
        for (name, path) in &paths {
            match files::read(path) {
                Ok(text) => project.take(name, &text, &mut known, &mut scripts),
                Err(message) => project.note(Severity::Error, name, 0, message),
            }
        }
        project.settings(&settings, &known);
        project.resolve(&scripts);
        project.assemble(&known, &paths);
        project
            .notes
            .sort_by(|a, b| (&a.file, a.line, &a.message).cmp(&(&b.file, b.line, &b.message)));
        project.notes.dedup();
        Ok(project)
    }

    /// The project's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The scene that the game begins with.
    #[must_use]
    pub fn main_scene(&self) -> Option<&Scene> {
        self.scenes.get(self.main_scene.as_deref()?)
    }

    /// What is always loaded, in order.
    #[must_use]
    pub fn autoloads(&self) -> &[Autoload] {
        &self.autoloads
    }

    /// A scene by its `res://` path.
    #[must_use]
    pub fn scene(&self, path: &str) -> Option<&Scene> {
        self.scenes.get(path)
    }

    /// All scenes, by path.
    pub fn scenes(&self) -> impl Iterator<Item = &Scene> {
        self.scenes.values()
    }

    /// What a script's methods are, with those it inherits: by its `res://` path or its `class_name`.
    #[must_use]
    pub fn script(&self, path_or_class: &str) -> Option<&Interface> {
        let path = self.classes.get(path_or_class).map_or(path_or_class, |path| path);
        self.interfaces.get(path)
    }

    /// A node that is there from the start, by the path that it has on the wire: from the session's root, such as `Main/Chat`, in
    /// the main scene or an autoload.
    #[must_use]
    pub fn node(&self, path: &str) -> Option<&Node> {
        let (root, rest) = path.split_once('/').unwrap_or((path, "."));
        let autoload = self.autoloads.iter().find(|autoload| autoload.name == root);
        let scene = match autoload {
            Some(autoload) => self.scene(&autoload.path)?,
            None => self
                .main_scene()
                .filter(|scene| scene.nodes.first().is_some_and(|node| node.name == root))?,
        };
        scene.node(rest)
    }

    /// What is wrong with the files, and what cannot be known from them.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    fn note(&mut self, severity: Severity, file: &str, line: u32, message: String) {
        self.notes.push(Note {
            severity,
            file: file.to_owned(),
            line,
            message,
        });
    }

    fn blame(&mut self, file: &str, faults: &[Fault]) {
        for fault in faults.iter().take(MAX_FAULTS) {
            self.note(
                Severity::Error,
                file,
                fault.line,
                format!("expected {}", fault.expected),
            );
        }
    }

    /// Takes a file of the project.
    fn take(&mut self, name: &str, text: &str, known: &mut Files, scripts: &mut BTreeMap<String, Script>) {
        if let Some(of) = name.strip_suffix(".uid") {
            known.uids.insert(text.trim().to_owned(), of.to_owned());
            return;
        }
        if name.ends_with(".gd") {
            let script = script::read(text);
            self.blame(name, &script.faults);
            for (line, message) in &script.doubts {
                self.note(Severity::Warning, name, *line, message.clone());
            }
            if let Some(class) = &script.class_name {
                self.classes.insert(class.clone(), name.to_owned());
            }
            scripts.insert(name.to_owned(), script);
            return;
        }
        let (sections, faults) = sections::read(text);
        self.blame(name, &faults);
        let heads = sections.iter().take(2);
        let uid = heads.filter_map(|section| section.field("uid")).find_map(Value::text);
        if let Some(uid) = uid {
            known.uids.insert(uid.to_owned(), name.to_owned());
        }
        known.files.insert(name.to_owned(), File { sections });
    }

    fn settings(&mut self, settings: &[Section], known: &Files) {
        for section in settings {
            match &*section.tag {
                "application" => {
                    let text = |name| section.property(name).and_then(Value::text);
                    self.name = text("config/name").unwrap_or_default().to_owned();
                    self.main_scene = text("run/main_scene").map(|path| known.path(path));
                }
                "autoload" => {
                    for (name, value) in &section.properties {
                        let Some(path) = value.text() else { continue };
                        self.autoloads.push(Autoload {
                            name: name.clone(),
                            path: known.path(path.strip_prefix('*').unwrap_or(path)),
                        });
                    }
                }
                _ => {}
            }
        }
    }

    /// Finds out what each script has, with what it inherits.
    fn resolve(&mut self, scripts: &BTreeMap<String, Script>) {
        for path in scripts.keys() {
            let mut chain: Vec<(&str, &Script)> = Vec::new();
            let mut next = Some(path.clone());
            while let Some(path) = next {
                let Some((path, script)) = scripts.get_key_value(&path) else {
                    if let Some((from, script)) = chain.last() {
                        let message = format!("it extends {path}, which is not known");
                        self.note(Severity::Warning, from, script.extends_line, message);
                    }
                    break;
                };
                let cycle = chain.iter().any(|(own, _)| own == path);
                if cycle || chain.len() == MAX_BASES {
                    let message = match cycle {
                        true => "it extends itself, by way of others".to_owned(),
                        false => format!("more than {MAX_BASES} scripts that extend each other"),
                    };
                    self.note(Severity::Error, path, script.extends_line, message);
                    chain.clear();
                    break;
                }
                chain.push((path, script));
                next = match &script.extends {
                    Extends::Path(base) => Some(files::absolute(base, path)),
                    Extends::Class(class) => self.classes.get(class).cloned(),
                    Extends::Inner(_) => {
                        let message = "it extends a class within another one, whose methods are not known".to_owned();
                        self.note(Severity::Warning, path, script.extends_line, message);
                        None
                    }
                    Extends::Nothing => None,
                };
            }
            let interface = self.interface_of(&chain, scripts);
            self.interfaces.insert(path.clone(), interface);
        }
    }

    /// The methods of a script and those that it extends, which come after it.
    fn interface_of(&mut self, chain: &[(&str, &Script)], scripts: &BTreeMap<String, Script>) -> Interface {
        let mut interface = Interface::new();
        for (_, script) in chain.iter().rev() {
            for (name, method) in &script.methods {
                interface.insert(name, *method);
            }
        }
        // A function without `@rpc` that replaces one with it is the one that is called.
        let names: Vec<String> = interface.script_methods().map(|(name, _)| name.to_owned()).collect();
        for name in names {
            let own = (0..chain.len()).find_map(|at| Some((at, chain[at].1.functions.get(&name)?)));
            let Some((at, function)) = own else { continue };
            let types = Types {
                chain: &chain[at..],
                scripts,
                classes: &self.classes,
            };
            let (parameters, doubts) = types.parameters(function);
            for parameter in doubts {
                let message = format!("the type of {parameter}, a parameter of {name}, is not known: any is taken");
                self.note(Severity::Warning, chain[at].0, function.line, message);
            }
            if let Some(parameters) = parameters {
                interface.set_parameters(&name, parameters);
            }
        }
        interface
    }

    /// Puts the scenes together.
    fn assemble(&mut self, known: &Files, paths: &BTreeMap<String, std::path::PathBuf>) {
        let mut builder = Builder::new(known);
        let mut scenes = Vec::new();
        for path in known.files.keys().filter(|path| path.ends_with(".tscn")) {
            if let Some(tree) = builder.build(path) {
                scenes.push((path.clone(), tree));
            }
        }
        let notes = builder.notes;
        self.notes.extend(notes);
        for (path, tree) in scenes {
            let scene = self.scene_of(&path, &tree);
            self.scenes.insert(path, scene);
        }
        if let Some(main) = self.main_scene.clone()
            && !self.scenes.contains_key(&main)
        {
            let message = format!("the main scene {main} is not known");
            self.note(Severity::Warning, "res://project.godot", 0, message);
        }
        for Autoload { name, path } in self.autoloads.clone() {
            if let Some(interface) = self.interfaces.get(&path) {
                let node = Node::of_script(&name, &path, interface.clone());
                let nodes = vec![node];
                self.scenes.insert(path.clone(), Scene { path, nodes });
            } else if !paths.contains_key(&path) {
                let message = format!("the autoload {name} is {path}, which is not known");
                self.note(Severity::Warning, "res://project.godot", 0, message);
            }
        }
    }

    fn scene_of(&mut self, path: &str, tree: &Tree) -> Scene {
        let mut nodes = Vec::new();
        let mut waiting: Vec<(usize, String)> = if tree.nodes.is_empty() {
            vec![]
        } else {
            vec![(0, ".".to_owned())]
        };
        while let Some((at, own)) = waiting.pop() {
            let branch = &tree.nodes[at];
            let interface = branch
                .script
                .as_deref()
                .map(|script| match self.interfaces.get(script) {
                    Some(interface) => interface.clone(),
                    None => {
                        let message = format!("{own} has the script {script}, which is not known");
                        self.notes.push(Note {
                            severity: Severity::Warning,
                            file: path.to_owned(),
                            line: 0,
                            message,
                        });
                        Interface::new()
                    }
                });
            let below = if own == "." { String::new() } else { format!("{own}/") };
            for &child in branch.children.iter().rev() {
                waiting.push((child, format!("{below}{}", tree.nodes[child].name)));
            }
            nodes.push(Node {
                path: own,
                name: branch.name.clone(),
                class: branch.class.clone(),
                script: branch.script.clone(),
                interface: interface.unwrap_or_default(),
                spawner: (branch.class == "MultiplayerSpawner").then(|| branch.spawner.clone()),
                synchronizer: (branch.class == "MultiplayerSynchronizer").then(|| branch.synchronizer.clone()),
            });
        }
        Scene {
            path: path.to_owned(),
            nodes,
        }
    }
}

impl Scene {
    /// A node by its path from the scene's root.
    #[must_use]
    pub fn node(&self, path: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.path == path)
    }
}

impl Node {
    /// The only node of a script that is loaded by itself.
    fn of_script(name: &str, script: &str, interface: Interface) -> Node {
        Node {
            path: ".".to_owned(),
            name: name.to_owned(),
            class: String::new(),
            script: Some(script.to_owned()),
            interface,
            spawner: None,
            synchronizer: None,
        }
    }
}
