package types_test

import (
	"fmt"

	"redstart/types"
)

func ExampleHash() {
	var h types.Hash
	h.Set("name", []byte("ann"))
	n, err := h.IncrBy("visits", 3)
	fmt.Println(n, err)
	_, err = h.IncrBy("name", 1)
	fmt.Println(err)
	for field, value := range h.All() {
		fmt.Printf("%s: %s\n", field, value)
	}
	// Output:
	// 3 <nil>
	// value is not an integer
	// name: ann
	// visits: 3
}
