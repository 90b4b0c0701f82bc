//! Guests with write access to a folder, and what they can do to files and to the server.

use std::fs;
use std::path::Path;

use crate::attack::{Attack, fails, withstands};
use crate::footprint::Footprint;
use crate::support::{Client, Server, Site, head};

/// Every function that takes a path, in 0.2 and 0.3, with paths and links that lead out.
#[test]
fn nothing_outside_of_the_folder_is_reached() {
    let site = secret_beside(&[("file.txt", "content"), ("folder/x", "")]);
    let server = writing(&site, "test_attacker", "");
    let before = Footprint::of(&server);
    for attack in ["paths-out", "links-out", "renames", "strange-names"] {
        let report = server.get(&format!("/files/{attack}")).text();
        assert!(
            report.lines().count() > 6,
            "{attack}: {report}\n{}",
            server.log()
        );
        for line in report.lines() {
            let harmless =
                line.contains(": refused") || line.starts_with("a name with backslashes");
            // To read a link is not to follow it.
            assert!(harmless, "{attack}: {line}");
        }
        assert_secret_is_safe(&site);
    }
    for attack in ["link-loops", "huge-files", "deep-folders?n=200"] {
        let report = server.get(&format!("/files/{attack}")).text();
        assert!(
            report.contains("refused"),
            "{attack}: {report}\n{}",
            server.log()
        );
        server.assert_alive(attack);
    }
    assert!(site.at("file.txt").exists());
    before.assert_regained(&server, "attacks by path");
    let server = writing(&site, "test_attacker_async", "");
    let report = server.get("/files/paths-out").text();
    assert_eq!(report.lines().count(), 4, "{report}");
    assert!(!report.contains("true"), "{report}");
}

/// Two requests: one swaps a folder and a link to the folder around it, the other opens a secret behind it.
#[test]
fn a_raced_link_does_not_lead_out() {
    let site = secret_beside(&[]);
    let server = writing(&site, "test_attacker", "--cpu 10m --timeout 10m");
    let (mut swapping, mut reading) = (server.connect(), server.connect());
    swapping.send(head("GET", "/files/swapped-links?n=100", &[]));
    reading.send(head("GET", "/files/through-swapped-links?n=200", &[]));
    assert_eq!(reading.response().text(), "0 stolen\n", "{}", server.log());
    let swaps = swapping.response().text();
    assert!(
        swaps.ends_with(" swaps\n") && swaps != "0 swaps\n",
        "{swaps}"
    );
    assert_secret_is_safe(&site);
}

/// Opening waits for the other end of the FIFO, which never comes.
#[test]
fn a_fifo_blocks_only_its_request() {
    let site = Site::new(&[("file.txt", "content")]);
    site.fifo("fifo");
    let server = writing(&site, "test_attacker", "--timeout 300ms");
    let before = Footprint::of(&server);
    for attack in ["fifo", "fifo-for-writing", "read-fifo"] {
        let target = format!("/files/{attack}?path=fifo");
        let mut clients: Vec<Client> = (0..24).map(|_| server.connect()).collect();
        for client in &mut clients {
            client.send(head("GET", &target, &[]));
        }
        server.assert_alive(attack);
        for client in &mut clients {
            let answer = client.response();
            assert!(
                matches!(answer.status, 200 | 504),
                "{attack}: {}",
                answer.head
            );
        }
        drop(clients);
        server.assert_alive(attack);
        before.assert_regained(&server, attack);
    }
}

#[test]
fn endless_file_work_ends_with_the_cpu_time() {
    let site = folder_of(300);
    let server = writing(&site, "test_attacker", "--cpu 20ms --timeout 10m");
    let attacks = [
        "/files/endless-stat",
        "/files/endless-open",
        "/files/endless-read",
        "/files/endless-create",
        "/files/endless-write",
        "/files/endless-listing",
        "/files/endless-links",
    ]
    .map(|target| fails(target, 504, "(cpu)"));
    withstands(&server, &attacks);
    let server = writing(&site, "test_attacker_async", "--cpu 20ms --timeout 10m");
    let attacks = ["/files/stat", "/files/open", "/files/read"];
    withstands(&server, &attacks.map(|target| fails(target, 504, "(cpu)")));
}

#[test]
fn waiting_for_the_disk_ends_with_the_time_of_a_request() {
    let site = Site::new(&[]);
    let server = writing(&site, "test_attacker", "--timeout 300ms --cpu 10m");
    withstands(&server, &[fails("/files/endless-sync", 504, "(timeout)")]);
}

/// Of a folder with tens of thousands of entries. A million would take CI minutes to make.
#[test]
fn a_listing_of_a_huge_folder_takes_little_memory() {
    const ENTRIES: usize = 20_000;
    let site = folder_of(ENTRIES);
    for (guest, targets) in [
        ("test_attacker", ["/files/list?n=1", "/files/list?n=50"]),
        ("test_attacker_async", ["/files/list", "/files/kept-lists"]),
    ] {
        let server = writing(&site, guest, "--memory 32MiB --cpu 10m --timeout 10m");
        let before = Footprint::of(&server);
        for target in targets {
            let mut clients: Vec<Client> = (0..3).map(|_| server.connect()).collect();
            for client in &mut clients {
                client.send(head("GET", target, &[]));
            }
            server.assert_alive(target);
            for client in &mut clients {
                let answer = client.response();
                let whole = answer.text().contains("20000 entries");
                assert!(whole || answer.status == 500, "{target}: {}", answer.text());
            }
            drop(clients);
            before.assert_regained(&server, target);
        }
        before.assert_never_exceeded(&server, 256 << 20, guest);
    }
}

#[test]
fn open_files_and_streams_are_bounded() {
    let site = Site::new(&[("file.txt", "content")]);
    let trapped = |target| -> Attack { fails(target, 500, "") };
    let server = writing(&site, "test_attacker", "--max-handles 100 --cpu 5s");
    withstands(
        &server,
        &[
            trapped("/files/open-files?n=10000"),
            trapped("/files/open-folders?n=10000"),
            trapped("/files/streams?n=10000"),
        ],
    );
    let server = writing(&site, "test_attacker_async", "--max-handles 100 --cpu 5s");
    withstands(&server, &[trapped("/files/kept-open")]);
}

/// A server of the guest with write access to the site.
fn writing(site: &Site, guest: &str, flags: &str) -> Server {
    let server = Server::options()
        .handler(guest)
        .dir(&site.path(), "::/:rw")
        .args(flags)
        .start();
    server.assert_alive("the start");
    server
}

/// A folder with `file.txt` and as many empty files.
fn folder_of(entries: usize) -> Site {
    let site = Site::new(&[]);
    for number in 0..entries - 1 {
        let path = site.at(&format!("an-entry-with-a-name-of-usual-length-{number}"));
        fs::File::create(path).expect("the file can be made");
    }
    site.write("file.txt", b"content");
    site
}

fn secret_beside(files: &[(&str, &str)]) -> Site {
    let site = Site::new(files);
    fs::write(secret(&site), "secret").expect("the secret can be written");
    site
}

fn assert_secret_is_safe(site: &Site) {
    let content = fs::read_to_string(secret(site)).expect("the secret is there");
    assert_eq!(content, "secret");
    assert!(!site.at("stolen").exists());
    let around: Vec<_> = fs::read_dir(site.around())
        .expect("the folder is there")
        .collect();
    assert_eq!(around.len(), 2, "{around:?}");
}

fn secret(site: &Site) -> std::path::PathBuf {
    Path::new(site.around()).join("secret.txt")
}
