package nextphase.inventory.web;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.catalina.connector.Request;
import org.apache.catalina.connector.Response;
import org.apache.catalina.valves.ErrorReportValve;
import org.apache.coyote.ActionCode;
import org.springframework.http.HttpStatusCode;

/** Turns the errors Tomcat finds before Spring sees the request, such as a path it refuses, into problems. */
public final class ProblemValve extends ErrorReportValve {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    @Override
    protected void report(Request request, Response response, Throwable error) {
        boolean done = response.getStatus() < 400 || response.getContentWritten() > 0 || !response.setErrorReported();
        if (done || !open(response)) {
            return;
        }
        try {
            Problem problem = new Problem(HttpStatusCode.valueOf(response.getStatus()), "the request was refused");
            byte[] body = MAPPER.writeValueAsBytes(problem.document());
            response.setContentType(Problem.MEDIA_TYPE.toString());
            response.setContentLength(body.length);
            response.getOutputStream().write(body);
            response.finishResponse();
        } catch (IOException | IllegalStateException ignored) {
            // The caller has gone, or an answer is on its way already: there is nobody left to tell.
        }
    }

    private static boolean open(Response response) {
        AtomicBoolean allowed = new AtomicBoolean();
        response.getCoyoteResponse().action(ActionCode.IS_IO_ALLOWED, allowed);
        return allowed.get();
    }
}
