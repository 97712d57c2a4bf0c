//! Scenes put together: with the scenes they inherit from and contain.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use super::multiplayer::{self, Replicated, Spawner, Synchronizer};
use super::sections::Section;
use super::value::Value;
use super::{Note, Severity};

/// How many nodes a scene may have, with all it contains.
const MAX_NODES: usize = 65_536;

/// How many nodes all scenes together may have.
const MAX_ALL_NODES: usize = 1 << 20;

/// How deep scenes may contain and inherit from each other.
const MAX_NESTING: usize = 64;

/// A scene file or resource file, read.
#[derive(Debug)]
pub(super) struct File {
    pub(super) sections: Vec<Section>,
}

/// All files, and what they are known by.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) files: BTreeMap<String, File>,
    /// Paths by `uid://`.
    pub(super) uids: HashMap<String, String>,
}

/// A node of a scene that is put together.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub(super) name: String,
    pub(super) class: String,
    pub(super) script: Option<String>,
    pub(super) spawner: Spawner,
    pub(super) synchronizer: Synchronizer,
    pub(super) children: Vec<usize>,
}

/// A scene that is put together; the first node is its root.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Branch>,
    by_name: HashMap<(usize, String), usize>,
}

/// Puts scenes together, each once.
#[derive(Debug)]
pub(super) struct Builder<'a> {
    files: &'a Files,
    built: HashMap<String, Option<Rc<Tree>>>,
    under_way: Vec<String>,
    all_nodes: usize,
    pub(super) notes: Vec<Note>,
}

/// The resources that a file names.
struct Resources<'a> {
    external: HashMap<&'a str, (&'a str, String)>,
    internal: HashMap<&'a str, &'a Section>,
}

impl Files {
    /// The path that is meant: by a `uid://`, or as it is.
    pub(super) fn path(&self, path: &str) -> String {
        self.uids.get(path).cloned().unwrap_or_else(|| path.to_owned())
    }

    fn resources<'a>(&'a self, file: &'a File) -> Resources<'a> {
        let mut resources = Resources {
            external: HashMap::new(),
            internal: HashMap::new(),
        };
        for section in &file.sections {
            let text = |name: &str| section.field(name).and_then(Value::text);
            let Some(id) = text("id") else { continue };
            match &*section.tag {
                "ext_resource" => {
                    let by_uid = text("uid").and_then(|uid| self.uids.get(uid)).cloned();
                    let path = by_uid.or_else(|| text("path").map(str::to_owned)).unwrap_or_default();
                    resources.external.insert(id, (text("type").unwrap_or_default(), path));
                }
                "sub_resource" => drop(resources.internal.insert(id, section)),
                _ => {}
            }
        }
        resources
    }
}

impl Tree {
    fn add(&mut self, parent: Option<usize>, at: Option<usize>, branch: Branch) -> usize {
        let own = self.nodes.len();
        if let Some(parent) = parent {
            self.by_name.insert((parent, branch.name.clone()), own);
            let siblings = &mut self.nodes[parent].children;
            let at = at.unwrap_or(siblings.len()).min(siblings.len());
            siblings.insert(at, own);
        }
        self.nodes.push(branch);
        own
    }

    /// Copies a whole tree below a node; where its root is now.
    fn graft(&mut self, parent: Option<usize>, at: Option<usize>, name: &str, tree: &Tree) -> usize {
        let first = self.nodes.len();
        for (own, branch) in tree.nodes.iter().enumerate() {
            let mut branch = branch.clone();
            for child in &mut branch.children {
                *child += first;
            }
            if own == 0 {
                name.clone_into(&mut branch.name);
                self.add(parent, at, branch);
            } else {
                self.nodes.push(branch);
            }
        }
        let names = tree.by_name.iter();
        let names = names.map(|((parent, name), own)| ((parent + first, name.clone()), own + first));
        self.by_name.extend(names);
        first
    }

    pub(super) fn find(&self, path: &str) -> Option<usize> {
        if self.nodes.is_empty() {
            return None;
        }
        let mut parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
        parts.try_fold(0, |at, part| self.by_name.get(&(at, part.to_owned())).copied())
    }
}

impl<'a> Builder<'a> {
    pub(super) fn new(files: &'a Files) -> Builder<'a> {
        Builder {
            files,
            built: HashMap::new(),
            under_way: Vec::new(),
            all_nodes: 0,
            notes: Vec::new(),
        }
    }

    fn note(&mut self, severity: Severity, file: &str, line: u32, message: String) {
        self.notes.push(Note {
            severity,
            file: file.to_owned(),
            line,
            message,
        });
    }

    /// Puts a scene together; nothing if that is not possible, which has been noted.
    pub(super) fn build(&mut self, path: &str) -> Option<Rc<Tree>> {
        if let Some(built) = self.built.get(path) {
            return built.clone();
        }
        let file = self.files.files.get(path)?;
        if self.all_nodes > MAX_ALL_NODES {
            let message = format!("left out, as the scenes before have more than {MAX_ALL_NODES} nodes");
            self.note(Severity::Error, path, 0, message);
            self.built.insert(path.to_owned(), None);
            return None;
        }
        self.under_way.push(path.to_owned());
        let tree = self.assemble(path, file).map(Rc::new);
        self.under_way.pop();
        self.built.insert(path.to_owned(), tree.clone());
        tree
    }

    fn assemble(&mut self, path: &str, file: &'a File) -> Option<Tree> {
        let resources = self.files.resources(file);
        let mut tree = Tree::default();
        for section in file.sections.iter().filter(|section| section.tag == "node") {
            let Some(name) = section.field("name").and_then(Value::text) else {
                self.note(
                    Severity::Error,
                    path,
                    section.line,
                    "expected the name of the node".to_owned(),
                );
                continue;
            };
            let parent = match section.field("parent").and_then(Value::text) {
                None if tree.nodes.is_empty() => None,
                None => {
                    let message = format!("expected a parent for {name}, as there is a root already");
                    self.note(Severity::Error, path, section.line, message);
                    continue;
                }
                Some(parent) => match tree.find(parent) {
                    Some(parent) => Some(parent),
                    None => {
                        let message = format!("{name} is left out, as its parent {parent} is not known");
                        self.note(Severity::Warning, path, section.line, message);
                        continue;
                    }
                },
            };
            let before = tree.nodes.len();
            let known = parent.and_then(|parent| tree.by_name.get(&(parent, name.to_owned())).copied());
            let at = match known {
                Some(at) => at,
                None => self.add(path, section, name, parent, &resources, &mut tree)?,
            };
            self.set(path, section, &resources, &mut tree.nodes[at]);
            self.all_nodes += tree.nodes.len() - before;
            if tree.nodes.len() > MAX_NODES {
                let message = format!("more than {MAX_NODES} nodes, with those of scenes it contains");
                self.note(Severity::Error, path, section.line, message);
                return None;
            }
        }
        Some(tree)
    }

    /// Adds a node, or the scene that it is an instance of.
    fn add(
        &mut self,
        path: &str,
        section: &Section,
        name: &str,
        parent: Option<usize>,
        resources: &Resources<'_>,
        tree: &mut Tree,
    ) -> Option<usize> {
        let index = section.field("index");
        let index = index.and_then(|index| index.text().and_then(|text| text.parse().ok()));
        let class = section.field("type").and_then(Value::text).unwrap_or_default();
        let mut branch = Branch {
            name: name.to_owned(),
            class: class.to_owned(),
            script: None,
            spawner: Spawner::default(),
            synchronizer: Synchronizer::default(),
            children: Vec::new(),
        };
        if section.field("instance_placeholder").is_some() {
            let message = format!("{name} is a placeholder: what it will be is not known");
            self.note(Severity::Warning, path, section.line, message);
        }
        let Some(instance) = section.field("instance") else {
            return Some(tree.add(parent, index, branch));
        };
        let id = instance.made_of_text("ExtResource").unwrap_or_default();
        let Some((_, of)) = resources.external.get(id) else {
            let message = format!("expected an ext_resource with the id {id:?} for the scene of {name}");
            self.note(Severity::Error, path, section.line, message);
            return Some(tree.add(parent, index, branch));
        };
        let cycle = self.under_way.contains(of);
        if cycle || self.under_way.len() > MAX_NESTING {
            let message = match cycle {
                true => format!("{name} is an instance of {of}, which contains this scene"),
                false => format!("more than {MAX_NESTING} scenes within each other"),
            };
            self.note(Severity::Error, path, section.line, message);
            return None;
        }
        match self.build(of) {
            Some(scene) if !scene.nodes.is_empty() => Some(tree.graft(parent, index, name, &scene)),
            _ => {
                let message = format!("{name} is an instance of {of}, which is not known");
                self.note(Severity::Warning, path, section.line, message);
                branch.class = String::new();
                Some(tree.add(parent, index, branch))
            }
        }
    }

    /// Takes over what the section sets.
    fn set(&mut self, path: &str, section: &Section, resources: &Resources<'_>, branch: &mut Branch) {
        if let Some(script) = section.property("script") {
            branch.script = match script
                .made_of_text("ExtResource")
                .and_then(|id| resources.external.get(id))
            {
                Some((_, script)) => Some(script.clone()),
                None if *script == Value::Null => None,
                None => {
                    let message = format!("the script of {} is none in a file, and not known", branch.name);
                    self.note(Severity::Warning, path, section.line, message);
                    None
                }
            };
        }
        branch.spawner.set(section, |scene| self.files.path(scene));
        branch.synchronizer.set(section);
        if let Some(config) = section.property("replication_config") {
            branch.synchronizer.properties = self.config(config, resources);
            if branch.synchronizer.properties.is_none() && *config != Value::Null {
                let message = format!("the replication config of {} is not known", branch.name);
                self.note(Severity::Warning, path, section.line, message);
            }
        }
    }

    fn config(&self, config: &Value, resources: &Resources<'_>) -> Option<Vec<Replicated>> {
        if let Some(id) = config.made_of_text("SubResource") {
            return resources.internal.get(id).map(|section| multiplayer::config(section));
        }
        let (_, path) = resources.external.get(config.made_of_text("ExtResource")?)?;
        let file = self.files.files.get(path)?;
        let own = file.sections.iter().find(|section| section.tag == "resource")?;
        Some(multiplayer::config(own))
    }
}
