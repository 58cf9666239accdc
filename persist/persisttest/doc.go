// Package persisttest gives tests a database that can lose its power.
//
//	func TestCheckout(t *testing.T) {
//		db := persisttest.Open(t, &store.Options{Sync: store.EverySecond})
//		shop := NewShop(db.DB)
//		shop.Confirm(order)
//		db.Crash()
//		…
//	}
//
// Open opens it, Second lets a second pass for its file, Crash ends it as a loss
// of power does and Kill as the death of its process, and both open it again
// from what is left. Everything is in this process and nothing sleeps.
package persisttest
