module redstart/bench

go 1.26.0

require github.com/redis/go-redis/v9 v9.23.0

require (
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/google/btree v1.1.3 // indirect
	github.com/tidwall/resp v0.1.1 // indirect
	go.etcd.io/bbolt v1.5.0 // indirect
	go.uber.org/atomic v1.12.0 // indirect
)

require (
	github.com/gomodule/redigo v1.9.3
	github.com/redis/rueidis v1.0.79
	golang.org/x/sys v0.48.0
	redstart v0.0.0
)

replace redstart => ..
