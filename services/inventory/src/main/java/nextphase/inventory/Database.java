package nextphase.inventory;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import io.micrometer.core.instrument.MeterRegistry;
import javax.sql.DataSource;
import org.postgresql.ds.PGSimpleDataSource;
import org.springframework.boot.autoconfigure.flyway.FlywayDataSource;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Primary;

/**
 * Connections to PostgreSQL. A database that is away is an answer, not a hang: every wait is shorter than the five
 * seconds after which services nginx gives a request up.
 */
@Configuration(proxyBeanMethods = false)
class Database {
    private static final int CONNECTIONS = 8;

    @Bean
    @Primary
    HikariDataSource dataSource(Settings settings, MeterRegistry metrics) {
        HikariConfig pool = new HikariConfig();
        pool.setPoolName("inventory");
        pool.setJdbcUrl(settings.database().url());
        pool.setUsername(settings.database().user());
        pool.setMaximumPoolSize(CONNECTIONS);
        pool.setMinimumIdle(4); // a first burst must not wait for each: one takes a tenth of a second in a cold JVM
        pool.setConnectionTimeout(2_000); // milliseconds, as all of Hikari's
        pool.setValidationTimeout(1_000);
        pool.setInitializationFailTimeout(-1); // Flyway waits for the database at start
        pool.setMetricRegistry(metrics);
        pool.addDataSourceProperty("ApplicationName", settings.process());
        pool.addDataSourceProperty("connectTimeout", "2"); // seconds, as all of the driver's
        pool.addDataSourceProperty("socketTimeout", "3");
        pool.addDataSourceProperty("tcpKeepAlive", "true");
        pool.addDataSourceProperty("options", "-c statement_timeout=2500 -c lock_timeout=2500");
        return new HikariDataSource(pool);
    }

    /** For migrations: a large table takes its time, but all others wait behind a wait for a lock. */
    @Bean
    @FlywayDataSource
    DataSource migrations(Settings settings) {
        PGSimpleDataSource source = new PGSimpleDataSource();
        source.setUrl(settings.database().url());
        source.setUser(settings.database().user());
        source.setApplicationName(settings.process());
        source.setConnectTimeout(2); // seconds
        source.setTcpKeepAlive(true);
        source.setOptions("-c lock_timeout=5000");
        return source;
    }
}
