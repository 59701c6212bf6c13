// Package filebacklog tells how much of the files that nginx writes, and logrotate removes, the collector has not read,
// and how much was removed before it was read.
//
// The receivers of this process keep the files that they read open, so the kernel knows how far they are. A file that is
// removed is no loss while it is open: its reader reads it to the end. It is one if it was never opened, be it that
// its reader was stuck or that the collector was away: logrotate writes what it removes into a list, and what was read
// until the last stop stands in a file of this extension's own.
package filebacklog

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
)

// Config is what the collector's configuration says.
type Config struct {
	// Include are the patterns of the files, as the receivers have them, of those that are not rotated yet.
	Include []string `mapstructure:"include"`
	// Removed is the pattern of the lists of removed files: a line each of device:inode, bytes and name.
	Removed string `mapstructure:"removed"`
	// State is the file that outlives the process.
	State string `mapstructure:"state"`
	// Interval is the time between two looks.
	Interval time.Duration `mapstructure:"interval"`
}

// Validate refuses a configuration that cannot work.
func (c *Config) Validate() error {
	if len(c.Include) == 0 || c.Removed == "" || c.State == "" || c.Interval <= 0 {
		return errors.New("include, removed, state and interval have to be set")
	}
	return nil
}

// NewFactory makes extensions of type "filebacklog".
func NewFactory() extension.Factory {
	return extension.NewFactory(
		component.MustNewType("filebacklog"),
		func() component.Config { return &Config{Interval: 2 * time.Second} },
		create,
		component.StabilityLevelStable,
	)
}

func create(_ context.Context, settings extension.Settings, config component.Config) (extension.Extension, error) {
	own := config.(*Config)
	made := &backlog{config: own, log: settings.Logger, files: newFiles(own, settings.Logger), unread: map[string]int64{}}
	meter := settings.MeterProvider.Meter("nextphase/otelcol/filebacklog")
	var err error
	if made.lost, err = meter.Int64Counter(
		"otelcol_filebacklog_lost_bytes",
		metric.WithDescription("Bytes of files that were removed before the collector had read them."),
	); err != nil {
		return nil, err
	}
	_, err = meter.Int64ObservableGauge(
		"otelcol_filebacklog_unread_bytes",
		metric.WithDescription("Bytes of files that the collector has not read yet."),
		metric.WithInt64Callback(made.observe),
	)
	return made, err
}

// backlog looks at the files again and again.
type backlog struct {
	config  *Config
	log     *zap.Logger
	files   *files
	lost    metric.Int64Counter
	stop    context.CancelFunc
	running sync.WaitGroup
	// mutex guards the files and what is known of them.
	mutex  sync.Mutex
	unread map[string]int64
}

// Start looks before any receiver opens a file, and from then on.
func (b *backlog) Start(context.Context, component.Host) error {
	if err := b.files.load(); err != nil {
		b.log.Error("What was read of nginx's files is not known", zap.Error(err))
	}
	b.look()
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	b.running.Go(func() {
		ticks := time.NewTicker(b.config.Interval)
		defer ticks.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
				b.look()
			}
		}
	})
	return nil
}

// Ready is called when the receivers have begun.
func (b *backlog) Ready() error { return nil }

// NotReady is called before the receivers stop and close their files: the last chance to see how far they are.
func (b *backlog) NotReady() error {
	b.look()
	return b.halt()
}

// Shutdown ends the looking, where NotReady has not.
func (b *backlog) Shutdown(context.Context) error {
	return b.halt()
}

func (b *backlog) halt() error {
	if b.stop != nil {
		b.stop()
	}
	b.running.Wait()
	return nil
}

func (b *backlog) look() {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	found, err := b.files.look()
	if err != nil {
		b.log.Warn("Cannot tell how much of nginx's files is unread", zap.Error(err))
		return
	}
	b.unread = found.unread
	for group, bytes := range found.lost { // 0 of every group, too: an alert needs the series from the start
		b.lost.Add(context.Background(), bytes, metric.WithAttributes(attribute.String("file", group)))
		if bytes > 0 {
			b.log.Error("Log files were removed unread", zap.String("file", group), zap.Int64("bytes", bytes))
		}
	}
}

func (b *backlog) observe(_ context.Context, to metric.Int64Observer) error {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for group, bytes := range b.unread {
		to.Observe(bytes, metric.WithAttributes(attribute.String("file", group)))
	}
	return nil
}
