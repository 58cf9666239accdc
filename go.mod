module redstart

go 1.26

require (
	github.com/google/btree v1.1.3
	github.com/stretchr/testify v1.11.1
	github.com/tidwall/resp v0.1.1
	go.etcd.io/bbolt v1.5.0
	golang.org/x/sys v0.45.0
	pgregory.net/rapid v1.2.0
)

require (
	github.com/davecgh/go-spew v1.1.1 // indirect
	github.com/pmezard/go-difflib v1.0.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)
