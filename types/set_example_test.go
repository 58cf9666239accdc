package types_test

import (
	"fmt"

	"redstart/types"
)

func ExampleSet() {
	var s types.Set
	fmt.Println(s.Add("7"), s.Add("3"), s.Add("7"), s.Encoding())
	fmt.Println(s.Add("three"), s.Encoding())
	for member := range s.All() {
		fmt.Println(member)
	}
	// Output:
	// true true false intset
	// true listpack
	// 3
	// 7
	// three
}

func ExampleInter() {
	var a, b types.Set
	for _, m := range []string{"ann", "bob", "cid"} {
		a.Add(m)
	}
	for _, m := range []string{"cid", "dan", "bob"} {
		b.Add(m)
	}
	types.Inter([]*types.Set{&a, &b}, func(member []byte) bool {
		fmt.Println(string(member))
		return true
	})
	// Unordered output:
	// bob
	// cid
}
