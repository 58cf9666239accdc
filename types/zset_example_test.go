package types_test

import (
	"fmt"

	"redstart/types"
)

func ExampleZSet() {
	var board types.ZSet
	board.Add("ann", 20, 0)
	board.Add("bob", 35, 0)
	board.Add("cid", 20, 0)
	board.Incr("ann", 30, 0)

	for rank, m := range board.Descend() {
		fmt.Println(rank+1, m.Name, m.Score)
	}
	rank, score, _ := board.Rank("bob")
	fmt.Println("from below:", rank, score)
	fmt.Println("with 30 or more:", board.Len()-board.Seek(30, false))
	// Output:
	// 1 ann 50
	// 2 bob 35
	// 3 cid 20
	// from below: 1 35
	// with 30 or more: 2
}
