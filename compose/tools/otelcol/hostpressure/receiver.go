// Package hostpressure reads what Linux tells of stalls and of files: pressure stall information (/proc/pressure), which
// says for which share of the time something waited for CPU, memory or I/O, and the number of open file handles.
// The hostmetrics receiver reads neither.
package hostpressure

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/scraper"
	"go.opentelemetry.io/collector/scraper/scrapererror"
	"go.opentelemetry.io/collector/scraper/scraperhelper"
	"go.uber.org/zap"

	"nextphase/otelcol/scrapereceiver"
)

// Config is what the collector's configuration says.
type Config struct {
	scraperhelper.ControllerConfig `mapstructure:",squash"`
	// Root is where the kernel's files are: /proc.
	Root string `mapstructure:"root"`
}

// Schedule says how often it is read.
func (c *Config) Schedule() *scraperhelper.ControllerConfig {
	return &c.ControllerConfig
}

// NewFactory makes receivers of type "hostpressure".
func NewFactory() receiver.Factory {
	return scrapereceiver.NewFactory(
		"hostpressure",
		func() *Config {
			config := &Config{ControllerConfig: scraperhelper.NewDefaultControllerConfig(), Root: "/proc"}
			config.CollectionInterval = 10 * time.Second
			return config
		},
		func(own *Config, _ *zap.Logger) scraper.ScrapeMetricsFunc {
			return func(context.Context) (pmetric.Metrics, error) { return read(own.Root) }
		},
	)
}

// read gives what can be read; an error tells of what cannot. That a kernel has no pressure stall information is no error.
func read(root string) (pmetric.Metrics, error) {
	metrics := pmetric.NewMetrics()
	scope := metrics.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty()
	err := errors.Join(readPressure(root, scope), readFiles(root, scope))
	if err != nil {
		// Any other error would cost what could be read.
		err = scrapererror.NewPartialScrapeError(err, 1)
	}
	return metrics, err
}

func readPressure(root string, scope pmetric.ScopeMetrics) error {
	var points pmetric.NumberDataPointSlice
	var failed error
	isFirst := true
	for _, resource := range []string{"cpu", "io", "memory"} {
		text, err := os.ReadFile(filepath.Join(root, "pressure", resource))
		if err != nil {
			continue
		}
		stalls, err := stallsOf(string(text))
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", resource, err))
			continue
		}
		if isFirst {
			points = counter(scope, "system.pressure.stalled",
				"Time in which some, or all (full), tasks waited for a resource.")
			isFirst = false
		}
		for tasks, seconds := range stalls {
			point := points.AppendEmpty()
			put(point, seconds)
			point.Attributes().PutStr("resource", resource)
			point.Attributes().PutStr("tasks", tasks)
		}
	}
	return failed
}

// stallsOf are the seconds after "total=" of each line: of "some" tasks and of the "full" lot.
func stallsOf(text string) (map[string]float64, error) {
	found := map[string]float64{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		tasks, rest, _ := strings.Cut(lines.Text(), " ")
		_, total, isThere := strings.Cut(rest, "total=")
		microseconds, err := strconv.ParseFloat(total, 64)
		if !isThere || err != nil {
			return nil, fmt.Errorf("no total in %q", lines.Text())
		}
		found[tasks] = microseconds / 1e6
	}
	return found, nil
}

func readFiles(root string, scope pmetric.ScopeMetrics) error {
	text, err := os.ReadFile(filepath.Join(root, "sys/fs/file-nr"))
	if err != nil {
		return err
	}
	words := strings.Fields(string(text))
	if len(words) != 3 {
		return fmt.Errorf("file-nr has %d numbers", len(words))
	}
	names := map[int][2]string{
		0: {"system.file_handles", "File handles that are open on the machine."},
		2: {"system.file_handles.limit", "File handles that may be open on the machine."},
	}
	for position, name := range names {
		value, err := strconv.ParseFloat(words[position], 64)
		if err != nil {
			return err
		}
		family := scope.Metrics().AppendEmpty()
		family.SetName(name[0])
		family.SetDescription(name[1])
		put(family.SetEmptyGauge().DataPoints().AppendEmpty(), value)
	}
	return nil
}

func counter(scope pmetric.ScopeMetrics, name, description string) pmetric.NumberDataPointSlice {
	family := scope.Metrics().AppendEmpty()
	family.SetName(name)
	family.SetUnit("s")
	family.SetDescription(description)
	sum := family.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	return sum.DataPoints()
}

func put(point pmetric.NumberDataPoint, value float64) {
	point.SetTimestamp(pcommon.NewTimestampFromTime(time.Now()))
	point.SetDoubleValue(value)
}
