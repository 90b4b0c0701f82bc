//! The compressed copies of a site's text files: `style.css.br`, `.gz` and `.zst` beside `style.css`.

use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

/// Writes the copies of all text files below `site` that are missing or out of date.
pub fn renew(site: &Path) -> Result<()> {
    let stale = stale(site)?;
    for (original, copy, coding) in &stale {
        let content =
            fs::read(original).with_context(|| format!("cannot read {}", original.display()))?;
        let packed = coding.pack(&content)?;
        fs::write(copy, packed).with_context(|| format!("cannot write {}", copy.display()))?;
        println!("renewed {}", copy.display());
    }
    if stale.is_empty() {
        println!("all compressed copies are up to date");
    }
    Ok(())
}

/// The copies that are missing or do not decompress to their originals, as original, copy and coding.
pub fn stale(site: &Path) -> Result<Vec<(PathBuf, PathBuf, Coding)>> {
    let mut stale = Vec::new();
    for original in files(site)?
        .into_iter()
        .filter(|path| has_extension(path, TEXTS))
    {
        let content =
            fs::read(&original).with_context(|| format!("cannot read {}", original.display()))?;
        for coding in Coding::ALL {
            let copy = original.with_added_extension(coding.extension());
            let same = fs::read(&copy)
                .is_ok_and(|packed| coding.unpack(&packed).is_ok_and(|text| text == content));
            if !same {
                stale.push((original.clone(), copy, coding));
            }
        }
    }
    Ok(stale)
}

/// The copies without an original, which remain when a text file is removed.
pub fn orphans(site: &Path) -> Result<Vec<PathBuf>> {
    let mut files = files(site)?;
    files.retain(|path| {
        has_extension(path, &Coding::ALL.map(Coding::extension))
            && !path.with_extension("").is_file()
    });
    Ok(files)
}

/// A content coding (RFC 9110, section 8.4.1; RFC 7932, RFC 8878).
#[derive(Clone, Copy, Debug)]
pub enum Coding {
    Brotli,
    Gzip,
    Zstd,
}

impl Coding {
    const ALL: [Coding; 3] = [Coding::Brotli, Coding::Gzip, Coding::Zstd];

    /// The copy's file extension, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Coding::Brotli => "br",
            Coding::Gzip => "gz",
            Coding::Zstd => "zst",
        }
    }

    fn pack(self, content: &[u8]) -> Result<Vec<u8>> {
        let mut packed = Vec::new();
        match self {
            Coding::Brotli => {
                let params = brotli::enc::BrotliEncoderParams::default(); // quality 11, the best
                brotli::BrotliCompress(&mut Cursor::new(content), &mut packed, &params)?;
            }
            Coding::Gzip => GzEncoder::new(&mut packed, Compression::best()).write_all(content)?,
            Coding::Zstd => {
                packed = zstd::encode_all(content, *zstd::compression_level_range().end())?
            }
        }
        Ok(packed)
    }

    fn unpack(self, packed: &[u8]) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        match self {
            Coding::Brotli => brotli::BrotliDecompress(&mut Cursor::new(packed), &mut content)?,
            Coding::Gzip => drop(GzDecoder::new(packed).read_to_end(&mut content)?),
            Coding::Zstd => content = zstd::decode_all(packed)?,
        }
        Ok(content)
    }
}

/// All files below a folder, sorted.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?
    {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(self::files(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension()
        .is_some_and(|found| extensions.iter().any(|extension| found == *extension))
}

const TEXTS: &[&str] = &["css", "html", "js", "svg"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decompresses_to_the_original() {
        for coding in Coding::ALL {
            let packed = coding.pack(b"under glass, under glass").expect("packs");
            assert_ne!(packed, b"under glass, under glass", "{coding:?}");
            assert_eq!(
                coding.unpack(&packed).expect("unpacks"),
                b"under glass, under glass",
                "{coding:?}"
            );
            assert!(coding.unpack(b"not packed").is_err(), "{coding:?}");
        }
    }
}
