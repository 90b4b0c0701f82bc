//! Folders of handlers that are gone, or that hold what no operator means to put there.

use std::fs;

use crate::support::{Server, Site, answering, run};
use rustix::process::{Pid, Signal, kill_process};

/// A server of the folder `handlers`.
fn serve(site: &Site, arguments: &str) -> Server {
    fs::create_dir_all(site.at("handlers")).expect("the folder can be made");
    Server::options()
        .arg("--handlers")
        .arg(site.at("handlers"))
        .args(arguments)
        .start()
}

fn reload(server: &Server) {
    let process = i32::try_from(server.process_id())
        .ok()
        .and_then(Pid::from_raw);
    kill_process(process.expect("the process runs"), Signal::HUP).expect("the signal can be sent");
}

/// Writes a witness and waits for it: once it is live, the server has looked at the folder twice.
fn wait_for_scans(server: &Server, site: &Site, text: &str) {
    site.write("handlers/witness.wasm", &answering(text));
    server.wait_for_text("/witness", text);
}

#[test]
fn a_file_that_is_no_regular_file_is_refused_without_waiting() {
    let site = Site::new(&[]);
    let server = serve(&site, "");
    // More than the server loads at once.
    for number in 0..6 {
        site.write(&format!("handlers/{number}.wasm"), &answering("sound"));
        site.fifo(&format!("handlers/{number}.toml"));
    }
    site.write("handlers/zero.wasm", &answering("sound"));
    site.symlink("/dev/zero", "handlers/zero.toml");
    site.write("handlers/long.wasm", &answering("sound"));
    site.write(
        "handlers/long.toml",
        "# settings\n".repeat(100_000).as_bytes(),
    );
    site.fifo("handlers/fifo.wasm");
    site.symlink("/dev/zero", "handlers/device.wasm");
    site.symlink("loop.wasm", "handlers/loop.wasm");
    for (file, reason) in [
        ("0.toml", "a FIFO"),
        ("5.toml", "a FIFO"),
        ("zero.toml", "a device"),
        ("long.toml", "larger than 1"),
        ("fifo.wasm", "a FIFO"),
        ("device.wasm", "a device"),
        ("loop.wasm", "symbolic links"),
    ] {
        server.wait_for_log(file, |line| {
            line.contains("ERROR") && line.contains(file) && line.contains(reason)
        });
    }
    wait_for_scans(&server, &site, "deployed");
    let most = server.most_memory();
    assert!(most < 400 << 20, "the server took {most} bytes");
}

#[test]
fn a_live_handler_survives_a_fifo_in_its_place() {
    let site = Site::new(&[]);
    site.write("handlers/a.wasm", &answering("1"));
    let server = serve(&site, "");
    fs::remove_file(site.at("handlers/a.wasm")).expect("the file can be removed");
    site.fifo("handlers/a.wasm");
    server.wait_for_log("the refusal", |line| {
        line.contains("a.wasm: it is a FIFO") && line.contains("keeps serving")
    });
    assert_eq!(server.get("/a").text(), "1");
    fs::remove_file(site.at("handlers/a.wasm")).expect("the file can be removed");
    site.write("handlers/a.wasm", &answering("2"));
    server.wait_for_text("/a", "2");
}

#[test]
fn names_with_control_characters_are_refused() {
    let site = Site::new(&[]);
    site.write("handlers/a\nb.wasm", &answering("1"));
    site.write("handlers/\u{1b}[31m/c.wasm", &answering("1"));
    let server = serve(&site, "");
    for _ in 0..2 {
        server.wait_for_log("the refusal", |line| line.contains("control character"));
    }
    wait_for_scans(&server, &site, "deployed");
    assert_eq!(server.get("/a%0Ab").status, 404);
}

#[test]
fn handlers_beyond_the_limit_are_told_in_one_line() {
    let site = Site::new(&[]);
    for number in 0..5 {
        site.write(&format!("handlers/{number}.wasm"), &answering("sound"));
    }
    let server = serve(&site, "--max-handlers 3");
    server.wait_for_log("the limit", |line| line.contains("max-handlers"));
    let live = |server: &Server| {
        let targets = (0..5).map(|number| format!("/{number}"));
        targets
            .filter(|target| server.get(target).status == 200)
            .count()
    };
    assert_eq!(live(&server), 3, "{}", server.log());
    reload(&server);
    server.wait_for_log("the reload", |line| line.contains("reloading"));
    assert_eq!(live(&server), 3, "{}", server.log());
    assert_eq!(
        server.log().matches("max-handlers").count(),
        2,
        "two words, one line: {}",
        server.log()
    );
}

/// Twelve folders with three links each to the next one have half a million paths.
#[test]
fn a_web_of_links_does_not_stop_deployments() {
    let site = Site::new(&[]);
    for level in 0..12 {
        let folder = format!("handlers/{level}");
        fs::create_dir_all(site.at(&folder)).expect("the folder can be made");
        for name in ["a", "b", "c"] {
            site.symlink(format!("../{}", level + 1), &format!("{folder}/{name}"));
        }
    }
    fs::create_dir(site.at("handlers/12")).expect("the folder can be made");
    let server = serve(&site, "");
    server.wait_for_log("the bound", |line| line.contains("more than 1000 links"));
    site.write("handlers/0.wasm", &answering("1"));
    server.wait_for_text("/0", "1");
}

#[test]
fn an_emptied_folder_keeps_its_handlers() {
    let site = Site::new(&[]);
    for name in ["a", "b"] {
        site.write(&format!("handlers/{name}.wasm"), &answering(name));
    }
    let server = serve(&site, "");
    // As atomic as an unmounted volume.
    fs::rename(site.at("handlers"), site.at("elsewhere")).expect("the folder can be renamed");
    fs::create_dir(site.at("empty")).expect("the folder can be made");
    fs::rename(site.at("empty"), site.at("handlers")).expect("the folder can be renamed");
    let line = server.wait_for_log("the warning", |line| line.contains("lost all its handlers"));
    for part in ["ERROR", "handlers", "SIGHUP", "keep serving"] {
        assert!(line.contains(part), "{line}");
    }
    for name in ["a", "b"] {
        assert_eq!(server.get(&format!("/{name}")).text(), name);
    }
    // The volume is back.
    fs::remove_dir(site.at("handlers")).expect("the folder can be removed");
    fs::rename(site.at("elsewhere"), site.at("handlers")).expect("the folder can be renamed");
    server.wait_for_log("the end", |line| line.contains("can be read again"));
    // Removed one after the other, handlers are removed.
    fs::remove_file(site.at("handlers/a.wasm")).expect("the file can be removed");
    server.wait_for_status("/a", 404);
    fs::remove_file(site.at("handlers/b.wasm")).expect("the file can be removed");
    server.wait_for_status("/b", 404);
}

#[test]
fn a_reload_removes_the_handlers_of_an_emptied_folder() {
    let site = Site::new(&[]);
    for name in ["a", "b"] {
        site.write(&format!("handlers/{name}.wasm"), &answering(name));
    }
    let server = serve(&site, "");
    fs::rename(site.at("handlers"), site.at("elsewhere")).expect("the folder can be renamed");
    fs::create_dir(site.at("handlers")).expect("the folder can be made");
    server.wait_for_log("the warning", |line| line.contains("keep serving"));
    assert_eq!(server.get("/a").text(), "a");
    reload(&server);
    for name in ["/a", "/b"] {
        server.wait_for_status(name, 404);
    }
}

/// A folder on another device stands for another volume at the same path.
#[test]
#[cfg(target_os = "linux")]
fn another_device_in_place_of_a_folder_keeps_its_handlers() {
    use std::os::unix::fs::MetadataExt;
    let site = Site::new(&[]);
    let Ok(other) = tempfile::tempdir_in("/dev/shm") else {
        eprintln!("skipped: there is no /dev/shm");
        return;
    };
    let device = |path: &std::path::Path| fs::metadata(path).expect("the folder is there").dev();
    if device(other.path()) == device(&site.path()) {
        eprintln!("skipped: /dev/shm is on the device of the temporary files");
        return;
    }
    for name in ["team/a", "team/b", "c"] {
        site.write(&format!("handlers/{name}.wasm"), &answering(name));
    }
    // The link stands for a mount, and leads out of the files that a server can reach with Landlock.
    let server = serve(&site, "--no-hardening landlock");
    fs::write(other.path().join("a.wasm"), answering("other")).expect("the file can be written");
    fs::rename(site.at("handlers/team"), site.at("elsewhere")).expect("the folder can be renamed");
    site.symlink(other.path(), "handlers/team");
    let line = server.wait_for_log("the warning", |line| line.contains("another device"));
    assert!(line.contains("team") && line.contains("SIGHUP"), "{line}");
    // What is there is deployed, and what is missing stays.
    server.wait_for_text("/team/a", "other");
    for name in ["team/b", "c"] {
        assert_eq!(server.get(&format!("/{name}")).text(), name);
    }
    reload(&server);
    server.wait_for_status("/team/b", 404);
    assert_eq!(server.get("/c").text(), "c");
}

#[test]
fn check_tells_what_the_server_would_tell() {
    let site = Site::new(&[]);
    site.fifo("fifo.toml");
    let check = |name: &str| {
        let file = site.at(name);
        run(["check".as_ref(), "--config".as_ref(), file.as_os_str()])
    };
    let ended = check("fifo.toml");
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("it is a FIFO"), "{ended:?}");

    let fifo = site.at("fifo.toml");
    let ended = run(["check".as_ref(), fifo.as_os_str()]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("it is a FIFO"), "{ended:?}");

    let whole = answering("1");
    site.write("half.wasm", &whole[..whole.len() / 2]);
    site.write("handlers/half.wasm", &whole[..whole.len() / 2]);
    site.write("handlers/fine.wasm", &whole);
    site.fifo("handlers/fine.toml");
    site.symlink("loop.wasm", "handlers/loop.wasm");
    site.write(&format!("handlers/{}a.wasm", "d/".repeat(20)), &whole);
    let config = "handlers = \"handlers\"\n[[route]]\npath = \"/half/*\"\ncomponent = \"half.wasm\"\nname = \"other\"\n";
    site.write("belljar.toml", config.as_bytes());
    let ended = check("belljar.toml");
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for words in [
        &[
            "belljar.toml:2",
            "other",
            "the file is incomplete: it ends early",
        ][..],
        &["handlers/fine.wasm", "fine.toml", "it is a FIFO"],
        &["cannot read ", "loop.wasm", "symbolic links"],
        &["16 folders deep"],
    ] {
        let mut lines = ended.stdout.lines();
        let found = lines.any(|line| words.iter().all(|word| line.contains(word)));
        assert!(found, "{words:?}: {ended:?}");
    }
    assert!(!ended.stdout.contains("is valid"), "{ended:?}");
}

#[test]
fn another_folder_at_the_path_of_a_site_is_served() {
    let site = Site::new(&[("1/index.html", "1\n"), ("2/index.html", "2\n")]);
    site.symlink("1", "current");
    let server = Server::options().arg(site.at("current")).start();
    assert_eq!(server.get("/").text(), "1\n");
    site.symlink("2", "new");
    fs::rename(site.at("new"), site.at("current")).expect("the link can be replaced");
    server.wait_for_text("/", "2\n");
    // A folder that is gone stays in use.
    fs::remove_file(site.at("current")).expect("the link can be removed");
    server.wait_for_log("the refusal", |line| {
        line.contains("cannot open the folder") && line.contains("keeps serving")
    });
    assert_eq!(server.get("/").text(), "2\n");
}

#[test]
#[cfg(target_os = "linux")]
fn an_empty_folder_on_another_device_does_not_replace_a_site() {
    use std::os::unix::fs::MetadataExt;
    let site = Site::new(&[("1/index.html", "1\n")]);
    let Ok(other) = tempfile::tempdir_in("/dev/shm") else {
        eprintln!("skipped: there is no /dev/shm");
        return;
    };
    let device = |path: &std::path::Path| fs::metadata(path).expect("the folder is there").dev();
    if device(other.path()) == device(&site.path()) {
        eprintln!("skipped: /dev/shm is on the device of the temporary files");
        return;
    }
    site.symlink("1", "current");
    // The link stands for a mount, and leads out of the files that a server can reach with Landlock.
    let server = Server::options()
        .arg(site.at("current"))
        .args("--no-hardening landlock")
        .start();
    site.symlink(other.path(), "new");
    fs::rename(site.at("new"), site.at("current")).expect("the link can be replaced");
    let line = server.wait_for_log("the refusal", |line| line.contains("another device"));
    assert!(
        line.contains("SIGHUP") && line.contains("keeps serving"),
        "{line}"
    );
    assert_eq!(server.get("/").text(), "1\n");
    fs::write(other.path().join("index.html"), "2\n").expect("the file can be written");
    reload(&server);
    server.wait_for_text("/", "2\n");
}
