//! Rounds in which every contender runs once, and ratios within a round.
//!
//! Two numbers of one round were taken a few milliseconds apart on the same machine, so their ratio says more than
//! either; the median over the rounds forgets the rounds in which something else ran.

use std::alloc::System;
use std::hint::black_box;
use std::time::Instant;

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
    work: Box<dyn FnMut() -> usize + 'a>,
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
    pub fn add(&mut self, name: &'static str, work: impl FnMut() -> usize + 'a) -> &mut Self {
        self.contenders.push(Contender {
            name,
            work: Box::new(work),
        });
        self
    }

    /// Runs the rounds, and prints what an item took.
    pub fn run(mut self, rounds: usize, repeats: usize) -> Timings {
        let items = (self.items * repeats) as f64;
        let mut allocated = Vec::new();
        for contender in &mut self.contenders {
            black_box((contender.work)());
            let count = allocations(|| {
                black_box((contender.work)());
            });
            allocated.push(count as f64 / self.items as f64);
        }
        let mut nanos = vec![Vec::with_capacity(rounds); self.contenders.len()];
        for _ in 0..rounds {
            for (contender, nanos) in self.contenders.iter_mut().zip(&mut nanos) {
                let start = Instant::now();
                for _ in 0..repeats {
                    black_box((contender.work)());
                }
                nanos.push(start.elapsed().as_nanos() as f64 / items);
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
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Prints the verdict; says whether all bars hold.
pub fn verdict(rows: &[Row]) -> bool {
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
        } = row;
        println!("| {id} | {what} | {ours} | {against} | {ratio:.3} | {bar:.2} | {word} |");
    }
    rows.iter().all(|row| row.ratio <= row.bar)
}
