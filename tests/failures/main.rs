//! Imports into a cluster that misbehaves: whatever a store, PD or TiDB refuses, loses or delays, and
//! whenever it does, all rows arrive once and the cluster is left as it was found.

mod busy;
mod differences;
mod import;
mod leftovers;
mod matrix;
mod pd_members;
mod placement;
mod scans;
mod steps;
