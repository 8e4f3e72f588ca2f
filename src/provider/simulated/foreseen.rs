//! What comes of probes' requests and connections, told before they are sent.

use crate::resource::{Exchange, Foretell, ForetellExchange, Foretold, HttpResponse, Meeting, Stages, Steady};
use crate::time::Moment;

use super::fault::Pace;
use super::network::{Connection, Met, SimulatedUser, Way, greeted};

/// Foretells [`Network::http`] of a probe.
pub(super) struct ForetellHttp {
    pub(super) user: SimulatedUser,
    pub(super) way: Way,
    pub(super) https: bool,
    pub(super) body_limit: usize,
    pub(super) met: Met,
}

impl Foretell<Moment, Exchange<HttpResponse>> for ForetellHttp {
    fn foretell(&self, sent: Moment, by: Moment, _deadline: Moment) -> Option<Foretold<Exchange<HttpResponse>>> {
        let Self { user, way, https, body_limit, .. } = self;
        let route = user.route(way, sent, Pace::PLAIN);
        let arrives = sent + route.takes;
        if arrives >= by {
            return None;
        }
        let connection = match user.arrive(route, way, arrives) {
            Some(Ok(connection)) => connection,
            Some(Err(failed)) => return Some(Foretold::At(arrives, failed.into())),
            None => return Some(Foretold::Silence),
        };
        let mut stages = connection.stages;
        if *https {
            stages.tls = stages.connect;
        }
        let first_byte = user.first_byte(&connection, way, sent, arrives, stages.tls.unwrap_or_default());
        stages.first_byte = Some(first_byte);
        let answered = arrives + (stages.tls.unwrap_or_default() + first_byte);
        (answered < by).then(|| Foretold::At(answered, user.answer(&connection, way, *body_limit, stages)))
    }
}

impl ForetellExchange<HttpResponse> for ForetellHttp {
    fn steady(&self, from: Moment) -> Option<Steady<Meeting>> {
        self.user.steady(&self.way, &self.met, from)
    }

    fn answer(&self, meeting: &Meeting) -> Exchange<HttpResponse> {
        self.user.answer(&Connection::of(meeting), &self.way, self.body_limit, Stages::default())
    }

    fn stages(&self, sent: Moment) -> Stages {
        let mut stages = self.user.stages(&self.way, sent);
        let arrives = sent + stages.total();
        stages.tls = stages.connect.filter(|_| self.https);
        stages.first_byte = Some(self.user.settings.answer.draw_at(self.way.answers, arrives.0));
        stages
    }
}

/// Foretells [`Network::tcp`] of a probe.
pub(super) struct ForetellTcp {
    pub(super) user: SimulatedUser,
    pub(super) way: Way,
    pub(super) met: Met,
}

impl Foretell<Moment, Exchange<String>> for ForetellTcp {
    fn foretell(&self, sent: Moment, by: Moment, _deadline: Moment) -> Option<Foretold<Exchange<String>>> {
        let route = self.user.route(&self.way, sent, Pace::PLAIN);
        let arrives = sent + route.takes;
        if arrives >= by {
            return None;
        }
        Some(match self.user.arrive(route, &self.way, arrives) {
            Some(arrived) => Foretold::At(arrives, greeted(arrived)),
            None => Foretold::Silence,
        })
    }
}

impl ForetellExchange<String> for ForetellTcp {
    fn steady(&self, from: Moment) -> Option<Steady<Meeting>> {
        self.user.steady(&self.way, &self.met, from)
    }

    fn answer(&self, meeting: &Meeting) -> Exchange<String> {
        greeted(Ok(Connection::of(meeting)))
    }

    fn stages(&self, sent: Moment) -> Stages {
        self.user.stages(&self.way, sent)
    }
}
