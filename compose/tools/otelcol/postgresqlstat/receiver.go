// Package postgresqlstat reads what a PostgreSQL server knows of itself.
//
// The receiver of opentelemetry-collector-contrib tells neither the size of the write-ahead log, nor what a replication
// slot keeps of it, nor for how long a transaction has been open, nor whether the server answers at all: one list of
// queries gives all of it. The role it connects as needs pg_monitor, and CONNECT on every database.
package postgresqlstat

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	_ "github.com/lib/pq" // the driver
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/scraper"
	"go.opentelemetry.io/collector/scraper/scraperhelper"
	"go.uber.org/zap"

	"nextphase/otelcol/scrapereceiver"
)

const databases = `
SELECT datname FROM pg_database
WHERE datallowconn AND NOT datistemplate AND has_database_privilege(oid, 'CONNECT')
ORDER BY datname LIMIT 50`

// Config is what the collector's configuration says.
type Config struct {
	scraperhelper.ControllerConfig `mapstructure:",squash"`
	// URL is the database that is asked first, without a password: PGPASSFILE has it.
	URL string `mapstructure:"url"`
}

// Validate refuses a configuration that cannot work.
func (c *Config) Validate() error {
	address, err := url.Parse(c.URL)
	if err != nil {
		return err
	}
	if address.Scheme != "postgresql" || address.Host == "" {
		return errors.New("url must be postgresql://USER@HOST:PORT/DATABASE")
	}
	return nil
}

// Schedule says how often it is read.
func (c *Config) Schedule() *scraperhelper.ControllerConfig {
	return &c.ControllerConfig
}

// NewFactory makes receivers of type "postgresqlstat".
func NewFactory() receiver.Factory {
	return scrapereceiver.NewFactory(
		"postgresqlstat",
		func() *Config {
			config := &Config{ControllerConfig: scraperhelper.NewDefaultControllerConfig()}
			config.CollectionInterval = 15 * time.Second
			config.Timeout = 5 * time.Second
			return config
		},
		func(own *Config, logger *zap.Logger) scraper.ScrapeMetricsFunc {
			start := pcommon.NewTimestampFromTime(time.Now())
			return (&reader{address: own.URL, logger: logger, start: start}).read
		},
	)
}

type reader struct {
	address string
	logger  *zap.Logger
	start   pcommon.Timestamp
}

// read asks the server everything. A server that does not answer is postgresql.up 0 and no error; a question that it or
// one of its databases does not answer is left out.
func (r *reader) read(ctx context.Context) (pmetric.Metrics, error) {
	found := newResult(r.start)
	err := r.ask(ctx, r.address, server, found)
	if err != nil {
		r.logger.Warn("PostgreSQL did not answer everything", zap.Error(err))
	}
	up := definition{name: "postgresql.up", description: "Whether the server answers."}
	if !found.isAny() {
		found.add(up, 0, nil, nil)
		return found.metrics, nil
	}
	found.add(up, 1, nil, nil)
	for _, address := range r.others(ctx) {
		if err := r.ask(ctx, address, perDatabase, found); err != nil {
			r.logger.Warn("a database did not answer", zap.Error(err))
		}
	}
	return found.metrics, nil
}

// others are the addresses of all databases that the role may connect to.
func (r *reader) others(ctx context.Context) []string {
	db, err := sql.Open("postgres", r.address+options)
	if err != nil {
		return nil
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, databases)
	if err != nil {
		r.logger.Warn("PostgreSQL did not name its databases", zap.Error(err))
		return nil
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var name string
		if rows.Scan(&name) != nil {
			return found
		}
		address, _ := url.Parse(r.address)
		address.Path = "/" + name
		found = append(found, address.String())
	}
	return found
}

const options = "?sslmode=disable&connect_timeout=3&application_name=collector&statement_timeout=3000"

// ask puts what the queries give into found, those that fail apart; it returns the first error.
func (r *reader) ask(ctx context.Context, address string, queries []query, found *result) error {
	db, err := sql.Open("postgres", address+options)
	if err != nil {
		return err
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if err := db.PingContext(ctx); err != nil {
		return err
	}
	var first error
	for _, one := range queries {
		if err := askOne(ctx, db, one, found); err != nil && first == nil {
			first = fmt.Errorf("%s: %w", one.metrics[0].name, err)
		}
	}
	return first
}

func askOne(ctx context.Context, db *sql.DB, one query, found *result) error {
	rows, err := db.QueryContext(ctx, one.sql)
	if err != nil {
		return err
	}
	defer rows.Close()
	labels := make([]string, len(one.labels))
	values := make([]float64, len(one.metrics))
	into := make([]any, 0, len(labels)+len(values))
	for number := range labels {
		into = append(into, &labels[number])
	}
	for number := range values {
		into = append(into, &values[number])
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		for number, metric := range one.metrics {
			found.add(metric, values[number], one.labels, labels)
		}
	}
	return rows.Err()
}
