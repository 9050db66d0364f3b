//! A file system in memory that knows what a power cut leaves of it.
//!
//! Each node has what programs see and what is durable. The data of a file are durable after `sync_file`; until then
//! nothing, a part, zeros, or all of them may be left. The entries of a directory are durable after `sync_dir`; until
//! then each change of an entry survives or vanishes by itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    io,
    os::unix::ffi::OsStrExt,
    sync::{Arc, Mutex, MutexGuard},
};

use super::fs::{Fs, Kind, Mark, Stat};

#[derive(Clone, Debug)]
pub(crate) struct Model(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    nodes: BTreeMap<u64, Node>,
    locks: BTreeSet<(u64, OsString)>,
    plan: Plan,
    calls: Vec<&'static str>,
    changes: usize,
    syncs: usize,
}

/// What is to go wrong.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Plan {
    /// The power fails after so many changes: no call does anything any more.
    pub(crate) cut: Option<usize>,
    /// The call with this number fails with this errno.
    pub(crate) fail: Option<(usize, i32)>,
    /// Of the calls with this name, that with this number fails with this errno, counted from the
    /// first call of all.
    pub(crate) fail_of: Option<(&'static str, usize, i32)>,
    /// The sync with this number answers success and does nothing.
    pub(crate) skip_sync: Option<usize>,
    /// A write takes no more octets than this.
    pub(crate) longest_write: Option<usize>,
}

#[derive(Clone, Debug)]
enum Node {
    Dir {
        seen: Entries,
        durable: Entries,
        pending: Vec<Change>,
    },
    File {
        data: Vec<u8>,
        durable: usize,
        modified: i64,
    },
}

type Entries = BTreeMap<OsString, u64>;

/// What one call does to the entries of a directory: all of it or nothing.
#[derive(Clone, Debug, Default)]
struct Change {
    removed: Option<OsString>,
    set: Option<(OsString, u64)>,
}

impl Change {
    fn apply(&self, entries: &mut Entries) {
        if let Some(name) = &self.removed {
            entries.remove(name);
        }
        if let Some((name, node)) = &self.set {
            entries.insert(name.clone(), *node);
        }
    }
}

/// What may be left of octets that were not synced.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unsynced {
    All,
    Half,
    Nothing,
    Zeros,
}

impl Unsynced {
    pub(crate) const EACH: [Self; 4] = [Self::All, Self::Half, Self::Nothing, Self::Zeros];
}

const ROOT: u64 = 0;

/// Time in the model stands still.
pub(crate) const NOW: i64 = 1_000_000;

impl Model {
    pub(crate) fn new() -> Self {
        let root = Node::Dir {
            seen: Entries::new(),
            durable: Entries::new(),
            pending: Vec::new(),
        };
        let nodes = BTreeMap::from([(ROOT, root)]);
        Self(Arc::new(Mutex::new(State {
            nodes,
            ..State::default()
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn plan(&self, plan: Plan) {
        self.state().plan = plan;
    }

    pub(crate) fn calls(&self) -> Vec<&'static str> {
        self.state().calls.clone()
    }

    pub(crate) fn changes(&self) -> usize {
        self.state().changes
    }

    pub(crate) fn syncs(&self) -> usize {
        self.state().syncs
    }

    /// How many changes of entries are not durable.
    pub(crate) fn pending(&self) -> usize {
        let pending = |node: &Node| {
            if let Node::Dir { pending, .. } = node {
                pending.len()
            } else {
                0
            }
        };
        self.state().nodes.values().map(pending).sum()
    }

    /// What is there after a power cut: of the pending changes those whose bit is set, of unsynced files a part.
    pub(crate) fn after_power_cut(&self, survivors: u64, unsynced: Unsynced) -> Self {
        let mut bit = 0;
        let mut nodes = self.state().nodes.clone();
        for node in nodes.values_mut() {
            match node {
                Node::Dir {
                    seen,
                    durable,
                    pending,
                } => {
                    for change in pending.drain(..) {
                        if survivors.rotate_right(bit) & 1 == 1 {
                            change.apply(durable);
                        }
                        bit += 1;
                    }
                    *seen = durable.clone();
                }
                Node::File { data, durable, .. } => {
                    let loose = data.split_off(*durable);
                    match unsynced {
                        Unsynced::All => data.extend_from_slice(&loose),
                        Unsynced::Half => data.extend_from_slice(&loose[..loose.len() / 2]),
                        Unsynced::Nothing => {}
                        Unsynced::Zeros => data.extend(loose.iter().map(|_| 0)),
                    }
                    *durable = data.len();
                }
            }
        }
        Self(Arc::new(Mutex::new(State {
            nodes,
            ..State::default()
        })))
    }

    /// Every file by its path.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let state = self.state();
        let mut files = BTreeMap::new();
        let mut open = vec![(String::new(), ROOT)];
        while let Some((path, node)) = open.pop() {
            match &state.nodes[&node] {
                Node::Dir { seen, .. } => {
                    for (name, node) in seen {
                        open.push((format!("{path}/{}", name.to_str().unwrap()), *node));
                    }
                }
                Node::File { data, .. } => {
                    files.insert(path, data.clone());
                }
            }
        }
        files
    }

    fn look(&self, call: &'static str) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.state();
        if state.plan.cut.is_some_and(|cut| state.changes >= cut) {
            return Err(errno(5));
        }
        state.calls.push(call);
        if let Some((name, number, error)) = state.plan.fail_of
            && name == call
            && state.calls.iter().filter(|of| **of == name).count() == number + 1
        {
            return Err(errno(error));
        }
        match state.plan.fail {
            Some((number, error)) if number + 1 == state.calls.len() => Err(errno(error)),
            _ => Ok(state),
        }
    }

    fn change(&self, call: &'static str) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.look(call)?;
        state.changes += 1;
        Ok(state)
    }

    fn sync(&self, call: &'static str, node: u64) -> io::Result<()> {
        let mut state = self.change(call)?;
        let number = state.syncs;
        state.syncs += 1;
        if state.plan.skip_sync == Some(number) {
            return Ok(());
        }
        match state.nodes.get_mut(&node).unwrap() {
            Node::Dir {
                seen,
                durable,
                pending,
            } => {
                *durable = seen.clone();
                pending.clear();
            }
            Node::File { data, durable, .. } => *durable = data.len(),
        }
        Ok(())
    }
}

fn errno(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

const ENOENT: i32 = 2;
const EEXIST: i32 = 17;
const ENOTDIR: i32 = 20;
const ENOTEMPTY: i32 = 39;

impl State {
    fn entries(&self, dir: u64) -> &Entries {
        let Node::Dir { seen, .. } = &self.nodes[&dir] else {
            unreachable!("not a directory")
        };
        seen
    }

    fn find(&self, dir: u64, name: &OsStr) -> io::Result<u64> {
        self.entries(dir)
            .get(name)
            .copied()
            .ok_or_else(|| errno(ENOENT))
    }

    fn apply(&mut self, dir: u64, change: Change) {
        let Some(Node::Dir { seen, pending, .. }) = self.nodes.get_mut(&dir) else {
            unreachable!("not a directory")
        };
        change.apply(seen);
        pending.push(change);
    }

    fn add(&mut self, dir: u64, name: &OsStr, node: Node) -> io::Result<u64> {
        if self.find(dir, name).is_ok() {
            return Err(errno(EEXIST));
        }
        let number = self.nodes.len() as u64;
        self.nodes.insert(number, node);
        self.apply(
            dir,
            Change {
                removed: None,
                set: Some((name.to_owned(), number)),
            },
        );
        Ok(number)
    }
}

#[derive(Debug)]
pub(crate) struct File {
    node: u64,
    at: usize,
}

#[derive(Debug)]
pub(crate) struct Lock(Model, (u64, OsString));

impl Drop for Lock {
    fn drop(&mut self) {
        self.0.state().locks.remove(&self.1);
    }
}

impl Fs for Model {
    type Dir = u64;
    type File = File;
    type Lock = Lock;

    fn root(&self) -> io::Result<u64> {
        Ok(ROOT)
    }

    fn open_dir(&self, at: &u64, name: &OsStr) -> io::Result<u64> {
        let state = self.look("open_dir")?;
        let node = state.find(*at, name)?;
        match state.nodes[&node] {
            Node::Dir { .. } => Ok(node),
            Node::File { .. } => Err(errno(ENOTDIR)),
        }
    }

    fn make_dir(&self, at: &u64, name: &OsStr) -> io::Result<()> {
        let node = Node::Dir {
            seen: Entries::new(),
            durable: Entries::new(),
            pending: Vec::new(),
        };
        self.change("make_dir")?.add(*at, name, node).map(|_| ())
    }

    fn create(&self, at: &u64, name: &OsStr) -> io::Result<File> {
        let node = Node::File {
            data: Vec::new(),
            durable: 0,
            modified: NOW,
        };
        let node = self.change("create")?.add(*at, name, node)?;
        Ok(File { node, at: 0 })
    }

    fn open(&self, at: &u64, name: &OsStr) -> io::Result<(File, Stat)> {
        let node = self.look("open")?.find(*at, name)?;
        Ok((File { node, at: 0 }, self.stat(at, name)?))
    }

    fn write(&self, file: &mut File, octets: &[u8]) -> io::Result<usize> {
        let mut state = self.change("write")?;
        let count = octets
            .len()
            .min(state.plan.longest_write.unwrap_or(usize::MAX));
        let Some(Node::File { data, .. }) = state.nodes.get_mut(&file.node) else {
            unreachable!("not a file")
        };
        data.extend_from_slice(&octets[..count]);
        Ok(count)
    }

    fn read(&self, file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
        let state = self.look("read")?;
        let Node::File { data, .. } = &state.nodes[&file.node] else {
            unreachable!("not a file")
        };
        let rest = &data[file.at..];
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        file.at += count;
        Ok(count)
    }

    fn sync_file(&self, file: &File) -> io::Result<()> {
        self.sync("sync_file", file.node)
    }

    fn sync_dir(&self, dir: &u64) -> io::Result<()> {
        self.sync("sync_dir", *dir)
    }

    fn link(&self, from: (&u64, &OsStr), to: (&u64, &OsStr)) -> io::Result<()> {
        let mut state = self.change("link")?;
        let node = state.find(*from.0, from.1)?;
        if state.find(*to.0, to.1).is_ok() {
            return Err(errno(EEXIST));
        }
        state.apply(
            *to.0,
            Change {
                removed: None,
                set: Some((to.1.to_owned(), node)),
            },
        );
        Ok(())
    }

    fn replace(&self, at: &u64, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let mut state = self.change("replace")?;
        let node = state.find(*at, from)?;
        let change = Change {
            removed: Some(from.to_owned()),
            set: Some((to.to_owned(), node)),
        };
        state.apply(*at, change);
        Ok(())
    }

    fn unlink(&self, at: &u64, name: &OsStr) -> io::Result<()> {
        let mut state = self.change("unlink")?;
        state.find(*at, name)?;
        state.apply(
            *at,
            Change {
                removed: Some(name.to_owned()),
                set: None,
            },
        );
        Ok(())
    }

    fn rename(&self, at: &u64, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let mut state = self.change("rename")?;
        let node = state.find(*at, from)?;
        if state.find(*at, to).is_ok() {
            return Err(errno(EEXIST));
        }
        let change = Change {
            removed: Some(from.to_owned()),
            set: Some((to.to_owned(), node)),
        };
        state.apply(*at, change);
        Ok(())
    }

    fn remove_dir(&self, at: &u64, name: &OsStr) -> io::Result<()> {
        let mut state = self.change("remove_dir")?;
        let node = state.find(*at, name)?;
        if !state.entries(node).is_empty() {
            return Err(errno(ENOTEMPTY));
        }
        state.apply(
            *at,
            Change {
                removed: Some(name.to_owned()),
                set: None,
            },
        );
        Ok(())
    }

    fn set_modified(&self, file: &File, seconds: i64) -> io::Result<()> {
        let mut state = self.change("set_modified")?;
        let Some(Node::File { modified, .. }) = state.nodes.get_mut(&file.node) else {
            unreachable!("not a file")
        };
        *modified = seconds;
        Ok(())
    }

    fn mark(&self, dir: &u64) -> io::Result<Mark> {
        let state = self.look("mark")?;
        // What the entries are stands for when they came to be so, as time stands still.
        let mut modified = 0_i128;
        for (name, node) in state.entries(*dir) {
            for octet in name.as_bytes().iter().chain(&node.to_be_bytes()) {
                modified = modified.wrapping_mul(0x0100_0000_01b3) ^ i128::from(*octet);
            }
        }
        Ok(Mark {
            identity: (0, *dir),
            modified,
        })
    }

    fn files(&self, at: &u64) -> io::Result<Vec<OsString>> {
        let state = self.look("files")?;
        let regular = |node: &u64| matches!(state.nodes[node], Node::File { .. });
        let files = state.entries(*at).iter();
        let files =
            files.filter(|(name, node)| !name.as_bytes().starts_with(b".") && regular(node));
        Ok(files.map(|(name, _)| name.clone()).collect())
    }

    fn list(&self, at: &u64) -> io::Result<Vec<OsString>> {
        Ok(self.look("list")?.entries(*at).keys().cloned().collect())
    }

    fn stat(&self, at: &u64, name: &OsStr) -> io::Result<Stat> {
        let state = self.look("stat")?;
        let node = state.find(*at, name)?;
        let (kind, size, modified) = match &state.nodes[&node] {
            Node::Dir { .. } => (Kind::Directory, 0, NOW),
            Node::File { data, modified, .. } => (Kind::File, data.len() as u64, *modified),
        };
        Ok(Stat {
            kind,
            size,
            modified,
            identity: (0, node),
        })
    }

    fn lock(&self, at: &u64, name: &OsStr) -> io::Result<Option<Lock>> {
        let mut state = self.look("lock")?;
        let key = (*at, name.to_owned());
        let taken = state.locks.insert(key.clone());
        drop(state);
        Ok(taken.then(|| Lock(self.clone(), key)))
    }

    fn free(&self, _: &u64) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

/// For messages of assertions.
pub(crate) fn shown(octets: &[u8]) -> String {
    OsStr::from_bytes(octets).display().to_string()
}
