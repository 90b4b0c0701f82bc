//! A disk without room, under a store and under the cache of compiled components.

use std::fs;

use super::faults::{kv, wait_for_kv, with_store};
use crate::support::{Server, Site, answering, mount_disk, run_isolated, set_up_network};

#[test]
fn a_store_on_a_full_disk_works_again_once_there_is_room() {
    run_isolated("full_disk::store_on_a_full_disk");
}

#[test]
#[ignore = "a_store_on_a_full_disk_works_again_once_there_is_room runs this isolated"]
fn store_on_a_full_disk() {
    let site = Site::new(&[]);
    set_up_network(&[], &site.path());
    let disk = site.at("disk");
    mount_disk(&disk, "12m");
    fs::write(disk.join("other"), vec![0; 6 << 20]).expect("there is room");
    let server = with_store(Server::options(), &disk.join("store"));
    assert_eq!(kv(&server, "set?key=first&value=1"), "set");
    let mut stored = 0;
    let error = loop {
        match kv(&server, &format!("set?key=k{stored}&value=x&times=500000")) {
            answer if answer == "set" => stored += 1,
            answer => break answer,
        }
        assert!(stored < 50, "the disk has no room for so much");
    };
    assert!(error.contains("the store failed"), "{error}");
    server.wait_for_log("the error", |line| {
        line.contains("key-value store") && line.contains("make room")
    });
    wait_for_kv(&server, "get?key=first", "1");
    fs::remove_file(disk.join("other")).expect("the file can be removed");
    wait_for_kv(&server, "set?key=more&value=x&times=500000", "set");
    server.wait_for_log("the end", |line| line.contains("works again"));
    for key in ["first", "more"] {
        assert_eq!(kv(&server, &format!("exists?key={key}")), "true", "{key}");
    }
}

#[test]
fn a_cache_on_a_full_disk_only_makes_deploys_slower() {
    run_isolated("full_disk::cache_on_a_full_disk");
}

#[test]
#[ignore = "a_cache_on_a_full_disk_only_makes_deploys_slower runs this isolated"]
fn cache_on_a_full_disk() {
    let site = Site::new(&[]);
    set_up_network(&[], &site.path());
    let disk = site.at("disk");
    mount_disk(&disk, "1m");
    let full = disk.join("other");
    let fill = || fs::write(&full, vec![0; 2 << 20]).expect_err("the disk is smaller");
    fs::create_dir_all(site.at("handlers")).expect("the folder can be made");
    fill();
    let server = Server::options()
        .arg("--handlers")
        .arg(site.at("handlers"))
        .command(|command| {
            command.env("XDG_CACHE_HOME", &disk);
        })
        .start();
    site.write("handlers/a.wasm", &answering("1"));
    server.wait_for_text("/a", "1");
    server.wait_for_log("the full cache", |line| {
        line.contains("is not cached") && line.contains("free space")
    });
    fs::remove_file(&full).expect("the file can be removed");
    site.write("handlers/a.wasm", &answering("2"));
    server.wait_for_text("/a", "2");
    let cached = fs::read_dir(disk.join("belljar")).map(Iterator::count);
    assert!(cached.is_ok_and(|count| count > 0));
}
