//! Rounds in which every contender runs once, and ratios within a round.
//!
//! Two numbers of one round were taken a few milliseconds apart on the same machine, so their ratio says more than
//! either; the median over the rounds forgets the rounds in which something else ran.

use std::alloc::System;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use stats_alloc::{Region, StatsAlloc};

/// Counts every allocation of the process.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &stats_alloc::INSTRUMENTED_SYSTEM;

/// Allocations and reallocations that `work` makes.
pub fn allocations(work: impl FnOnce()) -> usize {
    let region = Region::new(ALLOCATOR);
    work();
    let change = region.change();
    change.allocations + change.reallocations
}

pub struct Contender<'a> {
    pub name: &'static str,
    work: Box<dyn FnMut() -> Sample + 'a>,
}

/// What going through the corpus once took.
struct Sample {
    time: Duration,
    allocations: usize,
}

impl Sample {
    fn of(work: impl FnOnce() -> usize) -> Self {
        let mut time = Duration::ZERO;
        let allocations = allocations(|| {
            let start = Instant::now();
            black_box(work());
            time = start.elapsed();
        });
        Self { time, allocations }
    }
}

/// One corpus and everybody who works through it.
pub struct Group<'a> {
    title: String,
    items: usize,
    octets: usize,
    contenders: Vec<Contender<'a>>,
}

pub struct Timings {
    title: String,
    names: Vec<&'static str>,
    /// By contender, then by round: nanoseconds an item.
    nanos: Vec<Vec<f64>>,
    allocations: Vec<f64>,
    octets_per_item: f64,
}

/// One line of the verdict.
pub struct Row {
    pub id: &'static str,
    pub what: String,
    pub ours: &'static str,
    pub against: &'static str,
    pub ratio: f64,
    pub bar: f64,
    /// Whether the run fails above the bar: for what is counted, not timed.
    pub must: bool,
}

impl Row {
    /// The same, and the run fails where it is missed.
    pub fn must(self) -> Self {
        Self { must: true, ..self }
    }
}

impl<'a> Group<'a> {
    pub fn new(title: impl Into<String>, items: usize, octets: usize) -> Self {
        Self {
            title: title.into(),
            items,
            octets,
            contenders: Vec::new(),
        }
    }

    /// `work` goes through the whole corpus once and returns something that depends on all of it.
    pub fn add(&mut self, name: &'static str, mut work: impl FnMut() -> usize + 'a) -> &mut Self {
        self.contenders.push(Contender {
            name,
            work: Box::new(move || Sample::of(&mut work)),
        });
        self
    }

    /// As [`add`](Self::add), but what `prepare` makes is made and thrown away outside of the time.
    pub fn add_prepared<T>(
        &mut self,
        name: &'static str,
        mut prepare: impl FnMut() -> T + 'a,
        mut work: impl FnMut(&mut T) -> usize + 'a,
    ) -> &mut Self {
        self.contenders.push(Contender {
            name,
            work: Box::new(move || {
                let mut prepared = prepare();
                Sample::of(|| work(&mut prepared))
            }),
        });
        self
    }

    /// Runs the rounds, and prints what an item took.
    pub fn run(mut self, rounds: usize, repeats: usize) -> Timings {
        let items = (self.items * repeats) as f64;
        let mut allocated = Vec::new();
        for contender in &mut self.contenders {
            (contender.work)();
            let sample = (contender.work)();
            allocated.push(sample.allocations as f64 / self.items as f64);
        }
        let mut nanos = vec![Vec::with_capacity(rounds); self.contenders.len()];
        for _ in 0..rounds {
            for (contender, nanos) in self.contenders.iter_mut().zip(&mut nanos) {
                let time: Duration = (0..repeats).map(|_| (contender.work)().time).sum();
                nanos.push(time.as_nanos() as f64 / items);
            }
        }
        let timings = Timings {
            title: self.title,
            names: self
                .contenders
                .iter()
                .map(|contender| contender.name)
                .collect(),
            nanos,
            allocations: allocated,
            octets_per_item: self.octets as f64 / self.items as f64,
        };
        timings.print();
        timings
    }
}

impl Timings {
    fn print(&self) {
        println!("\n### {}\n", self.title);
        println!("| contender | ns/item | MB/s | allocations/item |\n|---|---|---|---|");
        for ((name, nanos), allocations) in
            self.names.iter().zip(&self.nanos).zip(&self.allocations)
        {
            let nanos = median(nanos.clone());
            let rate = self.octets_per_item * 1000.0 / nanos;
            println!("| {name} | {nanos:.1} | {rate:.0} | {allocations:.3} |");
        }
    }

    fn index(&self, name: &str) -> usize {
        self.names
            .iter()
            .position(|&other| other == name)
            .expect("a contender of this group")
    }

    /// How long `ours` took for each nanosecond of `against`.
    pub fn row(
        &self,
        id: &'static str,
        ours: &'static str,
        against: &'static str,
        bar: f64,
    ) -> Row {
        let (mine, theirs) = (
            &self.nanos[self.index(ours)],
            &self.nanos[self.index(against)],
        );
        let ratio = median(
            mine.iter()
                .zip(theirs)
                .map(|(mine, theirs)| mine / theirs)
                .collect(),
        );
        Row {
            id,
            what: self.title.clone(),
            ours,
            against,
            ratio,
            bar,
            must: false,
        }
    }

    /// How long `ours` took an item for each nanosecond of an item of the same contender in `other`.
    pub fn row_across(
        &self,
        id: &'static str,
        ours: &'static str,
        other: &Self,
        against: &'static str,
        bar: f64,
    ) -> Row {
        let mine = median(self.nanos[self.index(ours)].clone());
        let theirs = median(other.nanos[other.index(ours)].clone());
        Row {
            id,
            what: self.title.clone(),
            ours,
            against,
            ratio: mine / theirs,
            bar,
            must: false,
        }
    }

    /// A row about allocations, which are counted and not timed.
    pub fn allocation_row(&self, id: &'static str, ours: &'static str, bar: f64) -> Row {
        let ratio = self.allocations[self.index(ours)];
        Row {
            id,
            what: self.title.clone(),
            ours,
            against: "allocations/item",
            ratio,
            bar,
            must: false,
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Prints the verdict. The status tells of what must hold.
pub fn verdict(rows: &[Row]) -> ExitCode {
    println!("\n## Bars\n");
    println!("| id | corpus | ours | against | ratio | bar | |\n|---|---|---|---|---|---|---|");
    for row in rows {
        let word = if row.ratio <= row.bar { "ok" } else { "missed" };
        let Row {
            id,
            what,
            ours,
            against,
            ratio,
            bar,
            ..
        } = row;
        println!("| {id} | {what} | {ours} | {against} | {ratio:.3} | {bar:.2} | {word} |");
    }
    if rows.iter().any(|row| row.must && row.ratio > row.bar) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}
