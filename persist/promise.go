package persist

// Under Never commits are not synced, and one that is not puts at risk what was
// synced before it: bbolt has two meta pages, which take turns, and the pages
// that the last synced commit leads to are free for use again one commit later.
// So whoever was told that a transaction is on disk could lose it, with
// the file, by the commits of others who do not care.
//
// Therefore the first who asks for the disk, by Wait, Sync or Hasten, or is told
// by OnDisk, ends that: from then on, until the file is closed, every commit is
// synced, once a second, as under EverySecond. Those that were not synced before
// are made durable first. What it comes to: under Never a sync is never waited
// for and never done as long as nobody asks; and what somebody was told holds.
//
// It does not outlast the file's being open. Who opens it with Never
// puts all that is in it at risk, as long as nobody asks.

// OnDisk reports whether transaction seq, and all before it, are on disk, and
// sees to it that they stay there if so.
func (f *File) OnDisk(seq uint64) bool {
	if seq == 0 || f.durable.Load() < seq {
		return seq == 0
	}
	if !f.promised.Load() {
		f.mu.Lock()
		f.promise()
		f.mu.Unlock()
	}
	return f.onDisk(seq)
}

// promise has every commit synced from now on. It is called under mu, so that
// either a round knows of it, or onDisk of the round.
func (f *File) promise() {
	if !f.promised.Load() {
		f.promised.Store(true)
	}
}

// onDisk is OnDisk after promise.
func (f *File) onDisk(seq uint64) bool { return f.durable.Load() >= seq && !f.loose.Load() }
