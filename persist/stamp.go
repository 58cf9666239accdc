package persist

import (
	bolt "go.etcd.io/bbolt"
)

// A stamp tells which transaction of bbolt's has written the root of the tree,
// and whether there is a stage. It is the sequence of bucket "redstart", which
// bbolt keeps in the leaf that holds the names of all buckets, the root; each
// commit writes it.
//
// Why: a meta page says where the root is, and of which transaction it is
// itself, and bbolt believes both. But pages are used again. If a disk has kept a
// meta page and lost the root that was written for it, the place holds what was
// there before, and that may be the root of an earlier transaction: a whole
// tree, with nothing wrong in it but its age, and all that was committed since
// is gone without a word. Only a root that says when it was written can tell.
// Below the root nothing of the kind is needed: the header of the journal's bucket, in
// the root, has the number of the last record; the state, also in the root, how
// many chunks there are, of which generation; and records and chunks are
// numbered. An older page in the place of any other leads to a gap, or to
// a page with two parents.
//
// A root that is younger than its meta is refused, too. It is what a later commit
// has written into a place that was free by then, and the meta of that commit, or
// of the one before, was lost. If nothing else is wrong it leads to all that the
// meta's own root led to. But the later commit may have been cut short by the
// end of a process, and whoever has opened the file since has not seen it, and gone
// on without it: it must not come to life when the machine loses power after that.
// (So a copy made by bbolt's own tool for compaction is refused as well.)
//
// The root is a leaf of some 300 bytes, which is less than a disk writes as
// a whole, so there is no root with the stamp of one transaction and the rest of
// another.
//
// A program that does not know of stamps would not write them, and what it has
// committed would look like the root of an earlier commit; nothing in the root
// could tell it from one. So a file with a stamp is of a format version
// that such a program refuses. A file without gets one with the first commit.
type stamp uint64

// newStamp returns that of bbolt's transaction tx.
func newStamp(tx uint64, staged bool) stamp {
	s := stamp(tx) << 1
	if staged {
		s |= 1
	}
	return s
}

func (s stamp) tx() uint64   { return uint64(s >> 1) }
func (s stamp) staged() bool { return s&1 != 0 }

// putStamp is the last that is done in each transaction before it is committed.
func putStamp(tx *bolt.Tx) error {
	if err := raiseFormat(tx); err != nil {
		return err
	}
	s := newStamp(uint64(tx.ID()), tx.Bucket(stageBucket) != nil)
	return tx.Bucket(metaBucket).SetSequence(uint64(s))
}

// fits returns an error if a root with stamp s, on page root, is not of bbolt's
// transaction tx, which is that of the meta page that leads to it.
func (s stamp) fits(root, tx uint64) error {
	if s.tx() == tx {
		return nil
	}
	return damagef("page %d, the root of the tree, was written by commit %d, and the meta page that leads to it by commit %d: "+
		"a page of one of them never reached the disk, or another program has written to the file", root, s.tx(), tx)
}

// stageMissing says that there should be a stage below page root.
func stageMissing(root uint64) error {
	return damagef("page %d, the root of the tree: the stage is missing", root)
}
