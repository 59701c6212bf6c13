package hostpressure

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/scraper/scrapererror"
)

func write(t *testing.T, root, name, text string) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func values(metrics pmetric.Metrics) map[string]float64 {
	found := map[string]float64{}
	for _, metric := range metrics.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		points := pmetric.NewNumberDataPointSlice()
		if metric.Type() == pmetric.MetricTypeSum {
			points = metric.Sum().DataPoints()
		} else {
			points = metric.Gauge().DataPoints()
		}
		for _, point := range points.All() {
			name := metric.Name()
			for _, label := range []string{"resource", "tasks"} {
				if value, isThere := point.Attributes().Get(label); isThere {
					name += " " + value.Str()
				}
			}
			found[name] = point.DoubleValue()
		}
	}
	return found
}

func TestStallsAndFileHandlesAreRead(t *testing.T) {
	root := t.TempDir()
	write(t, root, "pressure/cpu", "some avg10=1.00 avg60=0.00 avg300=0.00 total=2500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n")
	write(t, root, "pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=1\n")
	write(t, root, "sys/fs/file-nr", "3690\t0\t2466170\n")
	metrics, err := read(root)
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]float64{
		"system.pressure.stalled cpu some":    2.5,
		"system.pressure.stalled cpu full":    0,
		"system.pressure.stalled memory some": 1e-6,
		"system.file_handles":                 3690,
		"system.file_handles.limit":           2466170,
	}
	found := values(metrics)
	for name, value := range wanted {
		if found[name] != value {
			t.Errorf("%s is %v, not %v", name, found[name], value)
		}
	}
	if len(found) != len(wanted) {
		t.Errorf("found %v", found)
	}
}

func TestAKernelWithoutPressureTellsTheRest(t *testing.T) {
	root := t.TempDir()
	write(t, root, "sys/fs/file-nr", "1 0 2\n")
	metrics, err := read(root)
	if err != nil || len(values(metrics)) != 2 {
		t.Fatalf("%v, %v", metrics, err)
	}
}

func TestWhatCannotBeReadCostsNothingElse(t *testing.T) {
	root := t.TempDir()
	write(t, root, "pressure/cpu", "some nothing\n")
	write(t, root, "pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=3000000\n")
	metrics, err := read(root)
	if !scrapererror.IsPartialScrapeError(err) {
		t.Fatalf("%v is no partial error", err)
	}
	for _, part := range []string{"cpu", "file-nr"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not name %s", err, part)
		}
	}
	if found := values(metrics); len(found) != 1 || found["system.pressure.stalled io some"] != 3 {
		t.Errorf("found %v", found)
	}
}
