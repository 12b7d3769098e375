//! Known values of TiDB and MySQL, and properties of the whole module.
