package health

import (
	"os"
	"runtime"
	"testing"
)

func TestFilesAreShortInTime(t *testing.T) {
	for _, c := range []struct {
		f    Files
		want bool
	}{
		{Files{Open: 10, Limit: 1024}, false}, {Files{Open: 820, Limit: 1024}, false}, {Files{Open: 821, Limit: 1024}, true},
		{Files{Open: 1024, Limit: 1024}, true}, {Files{Open: 10}, false},
	} {
		if c.f.Short() != c.want {
			t.Errorf("%+v short: %t", c.f, c.f.Short())
		}
	}
}

func TestOpenFilesAreCounted(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("counted on Linux only")
	}
	before, ok := OpenFiles()
	if !ok || before.Open < 3 || before.Limit < before.Open {
		t.Fatalf("%+v %t", before, ok)
	}
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if after, _ := OpenFiles(); after.Open != before.Open+1 {
		t.Errorf("%d open files, %d after opening one", before.Open, after.Open)
	}
}
