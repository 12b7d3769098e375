//! Whole imports, by the program as a process, against an embedded cluster over its real protocols.

mod bad_input;
mod conflicts;
mod dumps;
mod listing;
mod manual;
mod operating;
mod pieces;
mod processes;
mod sql;
