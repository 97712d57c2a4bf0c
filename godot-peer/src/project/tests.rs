//! Projects that are written for the test, most of them with something wrong.

use std::fs;

use tempfile::TempDir;

use super::*;
use crate::scene::{MethodId, Parameters};

/// A project of these files, read.
fn read(files: &[(&str, &str)]) -> Project {
    let folder = TempDir::new().expect("a folder");
    fs::write(
        folder.path().join("project.godot"),
        "[application]\nrun/main_scene=\"res://main.tscn\"\n",
    )
    .expect("written");
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
    Project::open(folder.path()).expect("a project")
}

fn notes(project: &Project) -> Vec<String> {
    project.notes().iter().map(ToString::to_string).collect()
}

/// A scene with that script.
fn scene_with(script: &str) -> String {
    format!(
        "[ext_resource type=\"Script\" path=\"{script}\" id=\"1\"]\n[node name=\"Main\" type=\"Node\"]\nscript = ExtResource(\"1\")\n"
    )
}

#[test]
fn a_folder_without_a_project_is_an_error_that_names_it() {
    let folder = TempDir::new().expect("a folder");
    let error = Project::open(folder.path()).expect_err("there is none");
    assert!(error.to_string().contains("project.godot: cannot be read"), "{error}");
}

#[test]
fn what_is_wrong_in_one_file_costs_no_other() {
    let project = read(&[
        (
            "bad.gd",
            "extends Node\n\n@rpc(\"everybody\")\nfunc no(): pass\n@rpc\nfunc yes(): pass\n",
        ),
        ("main.gd", "extends Node\n@rpc\nfunc say(): pass\n"),
        ("bad.tscn", "[node name=\"A\"\ntype=\"Node\"\n"),
        ("main.tscn", &scene_with("res://main.gd")),
        ("data.tres", "[resource]\nx = [1,\n"),
    ]);
    let found = notes(&project);
    assert!(
        found[0].starts_with("res://bad.gd:3: error: expected a word that `@rpc` knows"),
        "{found:?}"
    );
    assert_eq!(found[1], "res://bad.tscn:3: error: expected `]` to end the heading");
    assert_eq!(found[2], "res://data.tres:3: error: expected a value");
    assert_eq!(found.len(), 3, "{found:?}");
    let main = project.node("Main").expect("it is there");
    assert_eq!(main.interface.id_of("say"), Some(MethodId(0)));
    let bad = project.script("res://bad.gd").expect("it is there");
    assert_eq!(bad.id_of("yes"), Some(MethodId(0)));
}

#[test]
fn scripts_that_extend_each_other_in_a_circle_are_an_error() {
    let project = read(&[
        ("a.gd", "extends \"b.gd\"\n@rpc\nfunc a(): pass\n"),
        ("b.gd", "extends C\n"),
        ("c.gd", "class_name C extends \"res://a.gd\"\n"),
        ("d.gd", "extends \"d.gd\"\n"),
        ("e.gd", "extends \"nothing.gd\"\n@rpc\nfunc e(): pass\n"),
    ]);
    let found = notes(&project);
    for line in ["res://a.gd:1", "res://b.gd:1", "res://c.gd:1", "res://d.gd:1"] {
        let error = format!("{line}: error: it extends itself, by way of others");
        assert!(found.contains(&error), "{line}: {found:?}");
    }
    let unknown = "res://e.gd:1: warning: it extends res://nothing.gd, which is not known";
    assert!(found.iter().any(|note| note == unknown), "{found:?}");
    assert!(
        project
            .script("res://e.gd")
            .is_some_and(|script| script.id_of("e").is_some())
    );
}

#[test]
fn scenes_that_contain_each_other_in_a_circle_are_an_error() {
    let of = |other: &str| {
        format!(
            "[ext_resource type=\"PackedScene\" path=\"{other}\" id=\"1\"]\n[node name=\"Root\" type=\"Node\"]\n[node name=\"In\" parent=\".\" instance=ExtResource(\"1\")]\n"
        )
    };
    let project = read(&[
        ("a.tscn", &of("res://b.tscn")),
        ("b.tscn", &of("res://a.tscn")),
        ("own.tscn", &of("res://own.tscn")),
    ]);
    let errors = project.notes().iter().filter(|note| note.severity == Severity::Error);
    let errors: Vec<String> = errors.map(ToString::to_string).collect();
    assert_eq!(
        errors,
        [
            "res://b.tscn:3: error: In is an instance of res://a.tscn, which contains this scene",
            "res://own.tscn:3: error: In is an instance of res://own.tscn, which contains this scene",
        ]
    );
}

#[test]
fn scenes_that_multiply_are_refused_at_a_bound() {
    let mut files = vec![("s0.tscn".to_owned(), "[node name=\"R\" type=\"Node\"]\n".to_owned())];
    for level in 1..30 {
        let mut text = format!(
            "[ext_resource type=\"PackedScene\" path=\"res://s{}.tscn\" id=\"1\"]\n[node name=\"R\" type=\"Node\"]\n",
            level - 1
        );
        for copy in 0..10 {
            text += &format!("[node name=\"C{copy}\" parent=\".\" instance=ExtResource(\"1\")]\n");
        }
        files.push((format!("s{level}.tscn"), text));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (&**name, &**text)).collect();
    let project = read(&files);
    let bound = project
        .notes()
        .iter()
        .filter(|note| note.message.contains("more than 65536 nodes"));
    assert!(bound.count() > 0);
    assert!(project.scenes().all(|scene| scene.nodes.len() <= 65_536));
    assert_eq!(
        project.scene("res://s3.tscn").map(|scene| scene.nodes.len()),
        Some(1111)
    );
}

#[test]
fn what_only_the_running_game_knows_is_warned_of() {
    let project = read(&[
        (
            "main.gd",
            "extends Node\nfunc _ready():\n\trpc_config(&\"go\", {\"rpc_mode\": 1})\n",
        ),
        ("main.tscn", &scene_with("res://main.gd")),
        ("sharp.tscn", &scene_with("res://Main.cs")),
        (
            "gone.tscn",
            "[node name=\"A\" type=\"Node\"]\n[node name=\"B\" type=\"Node\" parent=\"Nobody\"]\n[node name=\"C\" parent=\".\" instance_placeholder=\"res://x.tscn\"]\n",
        ),
    ]);
    let found = notes(&project);
    assert_eq!(
        found,
        [
            "res://gone.tscn:2: warning: B is left out, as its parent Nobody is not known",
            "res://gone.tscn:3: warning: C is a placeholder: what it will be is not known",
            "res://main.gd:3: warning: methods are configured at run time, and not known",
            "res://sharp.tscn: warning: . has the script res://Main.cs, which is not known",
        ]
    );
}

#[test]
fn scripts_are_found_by_uid_and_by_class() {
    let scene = "[ext_resource type=\"Script\" uid=\"uid://moved\" path=\"res://old_place.gd\" id=\"1\"]\n[node name=\"Main\" type=\"Node\"]\nscript = ExtResource(\"1\")\n";
    let project = read(&[
        ("new/place.gd", "class_name Chat extends Node\n@rpc\nfunc say(): pass\n"),
        ("new/place.gd.uid", "uid://moved\n"),
        ("main.tscn", scene),
        ("hidden/.gdignore", ""),
        ("hidden/x.gd", "@rpc\n"),
        (".godot/y.gd", "@rpc\n"),
    ]);
    assert_eq!(notes(&project), [] as [&str; 0]);
    let main = project.node("Main").expect("it is there");
    assert_eq!(main.script.as_deref(), Some("res://new/place.gd"));
    assert_eq!(project.script("Chat"), Some(&main.interface));
    assert_eq!(main.interface.id_of("say"), Some(MethodId(0)));
    assert_eq!(project.node("Other"), None);
    assert_eq!(project.node("Main/Nothing"), None);
}

#[test]
fn old_replication_configs_are_read() {
    let scene = "[sub_resource type=\"SceneReplicationConfig\" id=\"1\"]\nproperties/0/path = NodePath(\".:a\")\nproperties/0/spawn = true\nproperties/0/sync = true\nproperties/0/watch = false\n\
        properties/1/path = NodePath(\".:b\")\nproperties/1/spawn = false\nproperties/1/sync = false\nproperties/1/watch = true\n\
        properties/2/path = NodePath(\".:c\")\nproperties/2/spawn = true\nproperties/2/sync = false\nproperties/2/watch = false\n\
        [node name=\"Main\" type=\"MultiplayerSynchronizer\"]\nreplication_config = SubResource(\"1\")\n";
    let project = read(&[("main.tscn", scene)]);
    let synchronizer = project
        .node("Main")
        .and_then(|node| node.synchronizer.as_ref())
        .expect("it is one");
    let found = synchronizer.properties.iter().flatten();
    let found: Vec<_> = found.map(|own| (&*own.path, own.spawn, own.mode)).collect();
    use ReplicationMode::{Always, Never, OnChange};
    assert_eq!(
        found,
        [(".:a", true, Always), (".:b", false, OnChange), (".:c", true, Never)]
    );
}

#[test]
fn any_part_of_a_file_is_read_to_its_end() {
    let script = "class_name A extends \"b.gd\".C\nconst X := 3\n@rpc(\"any_peer\", \\\n\"reliable\", 'x', X) @a(1) static func f(a = [{\"é\": '''y'''}]): # (\n\tpass\nvar r = r\"\\\"\"\n";
    let scene = "[gd_scene format=3 uid=\"uid://x\"]\n; x\n[node name=\"A\" index=\"0\" groups=[\"é\", &\"b\"]]\nscript = Array[Object](Object(X,\"a\":-1.5e3))\n\"k\" = {\"a\": \"\\u00e9\\U01F600\",}\n";
    for text in [script, scene] {
        let cuts = (0..=text.len()).filter(|&cut| text.is_char_boundary(cut));
        for (head, tail) in cuts.map(|cut| text.split_at(cut)) {
            for part in [head.to_owned(), tail.to_owned(), format!("{tail}{head}")] {
                script::read(&part);
                sections::read(&part);
            }
        }
    }
}

#[test]
fn parameters_have_the_types_that_the_script_writes() {
    let project = read(&[
        (
            "base.gd",
            "class_name Base extends Node\nenum State { A }\n@rpc\nfunc go(a: int, b: State): pass\n@rpc(\"any_peer\")\nfunc stay(a: Array[State], b: Unknown.Other.Third): pass\n",
        ),
        (
            "main.gd",
            "extends Base\nconst Player = preload(\"res://player.gd\")\nfunc go(a: float, b: Node.ProcessMode, c: Player = null, d := pick()):\n\tpass\nfunc not_called(x := pick()): pass\n\
             @rpc\nfunc all(...rest): pass\n",
        ),
        ("main.tscn", &scene_with("res://main.gd")),
    ]);
    let main = &project.node("Main").expect("it is there").interface;
    let shown = |method: &str| {
        let parameters = main.parameters(method)?;
        let types: Vec<String> = parameters.types().iter().map(ToString::to_string).collect();
        Some((types.join(", "), parameters.required()))
    };
    assert_eq!(shown("go"), Some(("float, int, Player, Variant".to_owned(), 2)));
    assert_eq!(shown("stay"), Some(("Array[int], Variant".to_owned(), 2)));
    assert_eq!(shown("all"), None);
    assert_eq!(shown("not_called"), None);
    let base = project.script("Base").and_then(|base| base.parameters("go"));
    assert_eq!(base.map(Parameters::required), Some(2));
    assert_eq!(
        notes(&project),
        [
            "res://base.gd:6: warning: the type of b, a parameter of stay, is not known: any is taken",
            "res://main.gd:3: warning: the type of d, a parameter of go, is not known: any is taken",
        ]
    );
}
