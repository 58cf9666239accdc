package disk

import "os"

// DirectUnit is what Direct needs all to be a multiple of.
const DirectUnit = 4096

func statSize(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
