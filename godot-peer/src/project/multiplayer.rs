//! The nodes that replicate others.

use super::sections::Section;
use super::value::Value;

/// What a `MultiplayerSpawner` says.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Spawner {
    /// The node below which it spawns, as a path from the spawner. Empty if it is not set.
    pub spawn_path: String,
    /// The scenes it spawns, in order: a SPAWN names one by its place. `res://` paths where they are known.
    pub scenes: Vec<String>,
    /// How many nodes there may be at a time; 0 for any number.
    pub spawn_limit: u32,
}

/// What a `MultiplayerSynchronizer` says.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Synchronizer {
    /// The node whose properties these are, as a path from the synchronizer.
    pub root_path: String,
    /// In seconds; 0 for every frame.
    pub replication_interval: f64,
    /// In seconds; 0 for every frame.
    pub delta_interval: f64,
    /// Whether everyone sees it unless something else is said.
    pub public_visibility: bool,
    /// What it replicates, in order; nothing without a config.
    pub properties: Option<Vec<Replicated>>,
}

/// A property that is replicated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replicated {
    /// Node and property, from the synchronizer's root, such as `.:position`.
    pub path: String,
    /// Whether it is part of the state in a SPAWN.
    pub spawn: bool,
    /// When it is sent after that.
    pub mode: ReplicationMode,
}

/// When a property is sent, as `SceneReplicationConfig.ReplicationMode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplicationMode {
    /// Never.
    Never,
    /// In every SYNC.
    #[default]
    Always,
    /// In a DELTA, when it has changed.
    OnChange,
}

impl Default for Synchronizer {
    fn default() -> Synchronizer {
        Synchronizer {
            root_path: "..".to_owned(),
            replication_interval: 0.0,
            delta_interval: 0.0,
            public_visibility: true,
            properties: None,
        }
    }
}

impl Spawner {
    /// Takes over what a scene sets; `uid://` paths are looked up by `known`.
    pub(super) fn set(&mut self, section: &Section, known: impl Fn(&str) -> String) {
        if let Some(path) = node_path(section, "spawn_path") {
            self.spawn_path = path;
        }
        if let Some(scenes) = section.property("_spawnable_scenes") {
            self.scenes = scenes.texts().into_iter().map(known).collect();
        }
        if let Some(limit) = section.property("spawn_limit").and_then(Value::number) {
            self.spawn_limit = limit as u32;
        }
    }
}

impl Synchronizer {
    /// Takes over what a scene sets, but for the config.
    pub(super) fn set(&mut self, section: &Section) {
        if let Some(path) = node_path(section, "root_path") {
            self.root_path = path;
        }
        let number = |name: &str| section.property(name).and_then(Value::number);
        self.replication_interval = number("replication_interval").unwrap_or(self.replication_interval);
        self.delta_interval = number("delta_interval").unwrap_or(self.delta_interval);
        let public = section.property("public_visibility").and_then(Value::bool);
        self.public_visibility = public.unwrap_or(self.public_visibility);
    }
}

fn node_path(section: &Section, name: &str) -> Option<String> {
    section.property(name)?.made_of_text("NodePath").map(str::to_owned)
}

/// The properties of a `SceneReplicationConfig`: `properties/0/path` and so on.
pub(super) fn config(section: &Section) -> Vec<Replicated> {
    let mut properties: Vec<(u32, Replicated)> = Vec::new();
    for (key, value) in &section.properties {
        let mut parts = key.split('/');
        let (Some("properties"), Some(number), Some(what), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            continue;
        };
        let Ok(number) = number.parse() else { continue };
        if what == "path" {
            if let Some(path) = value.made_of_text("NodePath") {
                let replicated = Replicated {
                    path: path.to_owned(),
                    spawn: true,
                    mode: ReplicationMode::Always,
                };
                properties.push((number, replicated));
            }
            continue;
        }
        // The path comes first.
        let Some((_, replicated)) = properties.iter_mut().rev().find(|(own, _)| *own == number) else {
            continue;
        };
        let is_on = value.bool().unwrap_or(value.number() == Some(1.0));
        match (what, value.number()) {
            ("spawn", _) => replicated.spawn = is_on,
            ("replication_mode", Some(0.0)) => replicated.mode = ReplicationMode::Never,
            ("replication_mode", Some(2.0)) => replicated.mode = ReplicationMode::OnChange,
            ("replication_mode", _) => replicated.mode = ReplicationMode::Always,
            // Before 4.2.
            ("sync", _) if !is_on => replicated.mode = ReplicationMode::Never,
            ("watch", _) if is_on => replicated.mode = ReplicationMode::OnChange,
            _ => {}
        }
    }
    properties.sort_by_key(|(number, _)| *number);
    properties.into_iter().map(|(_, replicated)| replicated).collect()
}
