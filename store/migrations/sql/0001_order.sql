-- The global order: announce, then draw. 17750 is our namespace among advisory lock keys
-- (high 16 bits); the low 48 bits are the last position drawn before this statement.

-- Every INSERT says, before it draws its first position, above which position it will draw.
-- One lock a transaction is enough, so the first key is remembered and locked again, which
-- costs no new entry in the lock table. The setting can be forged, but least() lets a forger
-- only announce a lower position: delay readers, never make them skip.
create function fleetlog.announce() returns trigger language plpgsql as $$
declare
    drawn bigint := coalesce(pg_sequence_last_value('fleetlog.events_global_sequence_seq'), 0);
    remembered bigint := nullif(current_setting('fleetlog.announced', true), '')::bigint;
begin
    if remembered is null then
        perform set_config('fleetlog.announced', drawn::text, true);
    else
        drawn := greatest(least(remembered, drawn), 0);
    end if;
    perform pg_advisory_xact_lock_shared((17750::bigint << 48) | drawn);
    return null;
end
$$;
create trigger events_announce before insert on fleetlog.events
    for each statement execute function fleetlog.announce();
alter table fleetlog.events enable always trigger events_announce;

-- The position up to which everything is final: whoever drew a position <= the sequence's last
-- value had announced before, so is either still listed in pg_locks or finished. The order of
-- the two looks matters, and events must be read in a later statement with a newer snapshot.
create function fleetlog.safe_position() returns bigint
language plpgsql volatile set search_path = fleetlog, pg_temp as $$
declare
    drawn bigint;
    announced bigint;
begin
    if pg_is_in_recovery() then
        raise exception 'a standby shows neither locks nor positions: read from the primary'
            using errcode = 'FL005';
    end if;
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'readers need READ COMMITTED: an older snapshot does not see what is final'
            using errcode = 'FL005';
    end if;
    select case when is_called then last_value else 0 end into drawn from events_global_sequence_seq;
    select min(((classid::bigint & 65535) << 32) | objid::bigint) into announced
    from pg_locks
    where locktype = 'advisory' and objsubid = 1 and granted
      and database = (select oid from pg_database where datname = current_database())
      and classid::bigint >> 16 = 17750;
    return least(drawn, coalesce(announced, drawn));
end
$$;
revoke all on function fleetlog.safe_position(), fleetlog.announce(), fleetlog.refuse_change() from public;
grant execute on function fleetlog.safe_position() to fleetlog_writer, fleetlog_projector, fleetlog_reader;
